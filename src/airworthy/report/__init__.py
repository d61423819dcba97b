"""Rendering: a report becomes text for a person or a document for a program. Pure; one file a format."""
