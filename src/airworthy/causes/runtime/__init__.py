"""Causes that show while a model is loaded or answers."""
