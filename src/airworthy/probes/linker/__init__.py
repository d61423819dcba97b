"""Native libraries: what the loader would find, and what shared objects need."""
