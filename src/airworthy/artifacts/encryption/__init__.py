"""Encrypted models: one container for a file or a folder, whose plain bytes are given only once they are proven.

The format is described in docs/sign-and-encrypt.md, closely enough to be written again by others.
"""
