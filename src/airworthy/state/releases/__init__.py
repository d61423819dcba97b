"""Releases of models: files under their digests, manifests that name them, and which version of a name is served."""
