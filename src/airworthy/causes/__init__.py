"""The catalogue of causes: one file a cause, in families; the file's name is the slug."""
