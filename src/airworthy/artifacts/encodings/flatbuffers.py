"""The FlatBuffers layout: tables, vectors and texts at offsets, every one checked against the file's end.

See https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.source import Source
from airworthy.core.messages import say

MOST_READS = 20_000_000
"""Values of one file that are read; tables may point at each other, so that walks could go on for ever."""
MOST_TEXT = 64 * 1024
"""Bytes of a text."""


class Buffer:
    """A file of flat buffers."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._left = MOST_READS

    def number(self, at: int, size: int, *, signed: bool = False) -> int:
        """The number at an offset.

        Raises:
            Damaged: it lies outside of the file, or too many were read.
        """
        self._left -= 1
        if self._left < 0:
            raise Damaged("structure", say("more than {count} values", count=MOST_READS), at)
        return int.from_bytes(self.bytes(at, size), "little", signed=signed)

    def bytes(self, at: int, count: int) -> bytes:
        """The bytes at an offset."""
        if at < 0 or count < 0 or at + count > self.source.size:
            detail = say(
                "a value at {at} goes on to {end}, the file ends at {size}",
                at=at,
                end=at + count,
                size=self.source.size,
            )
            raise Damaged("truncated", detail, max(at, 0))
        block, base = self.source.window(at, count)
        return block[at - base : at - base + count]

    def root(self) -> Table:
        """The table that the file begins with."""
        return Table(self, self.number(0, 4))


class Table:
    """A table: fields by their number in the schema."""

    __slots__ = ("_buffer", "_fields", "_size", "at")

    def __init__(self, buffer: Buffer, at: int) -> None:
        self._buffer = buffer
        self.at = at
        self._fields = at - buffer.number(at, 4, signed=True)
        self._size = buffer.number(self._fields, 2)

    def _place(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return None
        offset = self._buffer.number(self._fields + slot, 2)
        return self.at + offset if offset else None

    def number(self, field: int, size: int, default: int = 0, *, signed: bool = False) -> int:
        """A number."""
        at = self._place(field)
        return default if at is None else self._buffer.number(at, size, signed=signed)

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Where a vector's elements lie, and how many there are."""
        at = self._place(field)
        if at is None:
            return 0, 0
        start = at + self._buffer.number(at, 4)
        count = self._buffer.number(start, 4)
        if start + 4 + count * width > self._buffer.source.size:
            detail = say("a list at {at} has {count} entries, more than the file holds", at=start, count=count)
            raise Damaged("truncated", detail, start)
        return start + 4, count

    def text(self, field: int) -> str:
        """A text, its first `MOST_TEXT` bytes."""
        at, count = self.vector(field, 1)
        return self._buffer.bytes(at, min(count, MOST_TEXT)).decode("utf-8", "replace") if count else ""

    def numbers(self, field: int, size: int, most: int, *, signed: bool = False) -> list[int]:
        """The first numbers of a vector."""
        at, count = self.vector(field, size)
        return [self._buffer.number(at + size * index, size, signed=signed) for index in range(min(count, most))]

    def tables(self, field: int) -> Iterator[Table]:
        """The tables of a vector."""
        at, count = self.vector(field, 4)
        for index in range(count):
            place = at + 4 * index
            yield Table(self._buffer, place + self._buffer.number(place, 4))
