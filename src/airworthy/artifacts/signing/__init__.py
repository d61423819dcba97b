"""Signatures of models: what a signature file states, made and verified."""
