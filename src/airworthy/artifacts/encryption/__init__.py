"""Encrypted models: age files with a tar archive in them, whose plain bytes are given only once they are proven.

ADR 0013 says why; docs/sign-and-encrypt.md describes what is in one.
"""
