"""The answers of `sign` and `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from airworthy.core.report import VerbAnswer


class Signed(VerbAnswer, frozen=True):
    """The answer of `sign`."""

    path: str
    """The model."""
    signature: Path
    """The file that holds the signature."""


class SignedFile(msgspec.Struct, frozen=True):
    """A file as it was when the model was signed."""

    algorithm: str
    """What it was hashed with."""
    digest: str
    """The hash, hexadecimal."""


class Verified(VerbAnswer, frozen=True):
    """The answer of `verify`: a signature that holds. One that does not is an error."""

    path: str
    """The model."""
    verdict: Literal["signed"]
    """That it is what was signed."""
    signature: str
    """The file that the signature was read from."""
    name: str
    """The model's name when it was signed."""
    method: str
    """What it was signed with: `key`, `certificate` or `sigstore`."""
    signer: str
    """The subject of the certificate, or the hash of the public key."""
    files: dict[str, SignedFile]
    """The signed files, or shards of them."""
