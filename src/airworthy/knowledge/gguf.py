"""GGUF: which versions of the format programs read."""

from __future__ import annotations

from airworthy.knowledge.tables import Row, rows


class GgufReader(Row, frozen=True):
    """A program that reads GGUF."""

    program: str
    """Its name."""
    oldest: int
    """The oldest version of the format that it reads."""
    newest: int
    """The newest one that it is known to read."""


def refusing(version: int) -> tuple[GgufReader, ...]:
    """The programs that no longer read a version; of one that is newer than the table nothing is known."""
    return tuple(reader for reader in rows("gguf", "reader", GgufReader) if version < reader.oldest)
