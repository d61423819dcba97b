"""Causes in the set of installed Python packages."""
