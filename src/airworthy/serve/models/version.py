"""The version of served models."""

VERSION = "1"
"""The version of every model, until releases bring their own."""
