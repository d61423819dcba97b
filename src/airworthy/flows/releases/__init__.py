"""Releases: added, listed, compared, promoted and taken back."""
