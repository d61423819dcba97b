"""The answers of `encrypt`, `decrypt` and `keygen`."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from airworthy.core.report import VerbAnswer


class NewKey(VerbAnswer, frozen=True):
    """The answer of `keygen`: a key that was made."""

    private: Path
    """The file with the private key."""
    public: Path
    """The file with its public half."""
    recipient: str
    """The public key, `age1…`; empty for a signing key, whose public half is in the file alone."""


class EncryptedModel(VerbAnswer, frozen=True, omit_defaults=True):
    """The answer of `encrypt`."""

    path: Path
    """The encrypted file."""
    plain: int
    """Plain bytes that it holds."""
    files: int
    """Files that were written."""
    new_key: Optional[NewKey] = None
    """The key that was made for it, with `--new-key`."""


class DecryptedModel(VerbAnswer, frozen=True, omit_defaults=True):
    """The answer of `decrypt`."""

    path: Path
    """The file or folder."""
    plain: int
    """Plain bytes that it holds."""
    files: int
    """Its files."""
    old: bool = False
    """Whether it came from a container of the kind that the next release no longer reads."""
