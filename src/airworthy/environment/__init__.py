"""The Python environment: what is installed and why, what contradicts, what it is locked to, what is known of it."""
