"""The Python environment: interpreter, packages, frameworks."""
