"""Causes in the model file itself."""
