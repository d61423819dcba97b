"""Versions of a served name: loaded, warmed, compared, judged, switched to and kept for a roll-back."""
