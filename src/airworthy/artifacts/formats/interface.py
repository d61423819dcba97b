"""What a format is: something that recognises itself and can say what a file holds without loading it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from airworthy.artifacts.formats.stored import Stored
from airworthy.core.model import Inspection

HEAD = 64 * 1024
"""How many of a file's first bytes `recognises` is given."""


class Format(Protocol):
    """One model format. Formats hold no state and execute nothing of what they read."""

    name: str
    """Its name in reports and in `ModelInfo.format`."""
    suffixes: tuple[str, ...]
    """Suffixes by which people name such files, with the dot; a hint for damaged files, never the proof."""
    folder: bool
    """Whether it is a folder with a known layout, and not one file."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the content is of this format; for a folder `head` is empty. Never raises for any bytes."""

    def inspect(self, path: Path) -> Inspection:
        """Say what it holds, reading as little as that takes.

        Damage is reported as `model.defects`, not raised; all `model.*` facts are provided for any bytes.

        Raises:
            OSError: the file could not be read at all.
        """


class StoredIn(Protocol):
    """Says where the tensors of a file lie."""

    def __call__(self, path: Path, /) -> Iterator[Stored]:
        """Its tensors, in any order; what is damaged is left out.

        Raises:
            OSError: the file could not be read at all.
        """
