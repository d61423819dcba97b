"""A walk through a file from front to back, number by number, that knows where the file ends."""

from __future__ import annotations

import struct

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.source import Source
from airworthy.core.messages import say

_BLOCK = 1024 * 1024
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Cursor:
    """A place in a file."""

    __slots__ = ("_base", "_block", "at", "order", "source")

    at: int
    """The place in the file."""
    order: str
    """Byte order as `struct` writes it, `<` or `>`."""

    def __init__(self, source: Source, at: int = 0, order: str = "<") -> None:
        self.source = source
        self.at = at
        self.order = order
        self._block = b""
        self._base = 0

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            Damaged: the file ends before.
        """
        start = self.at - self._base
        if not (start >= 0 and start + count <= len(self._block)):
            if self.at + count > self.source.size:
                detail = say("a value at {at} goes on to {end}, the file ends at {size}", **self._place(count))
                raise Damaged("truncated", detail, self.at)
            self._block = self.source.read(self.at, max(count, _BLOCK))
            self._base, start = self.at, 0
        self.at += count
        return self._block[start : start + count]

    def number(self, size: int) -> int:
        """The next unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "little" if self.order == "<" else "big")

    def numbers(self, size: int, count: int) -> tuple[int, ...]:
        """The next unsigned numbers."""
        return struct.unpack(f"{self.order}{count}{_CODES[size]}", self.take(size * count))

    def skip(self, count: int) -> None:
        """Step over bytes.

        Raises:
            Damaged: the file ends before.
        """
        if self.at + count > self.source.size:
            detail = say("a value at {at} goes on to {end}, the file ends at {size}", **self._place(count))
            raise Damaged("truncated", detail, self.at)
        self.at += count

    def _place(self, count: int) -> dict[str, int]:
        return {"at": self.at, "end": self.at + count, "size": self.source.size}
