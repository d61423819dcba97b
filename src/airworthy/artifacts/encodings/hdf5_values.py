"""Numbers, texts, types and shapes at their places in an HDF5 file."""

from __future__ import annotations

from typing import NamedTuple

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import ElementType
from airworthy.artifacts.encodings.source import Source
from airworthy.core.messages import say

MOST_MESSAGES = 2_000_000
"""Header messages of one file that are read."""
MOST_TEXT = 64 * 1024 * 1024
"""Bytes of one attribute."""


class Type(NamedTuple):
    """The type of a value."""

    kind: str
    """`int`, `uint`, `float`, `text`, `vlen-text`, or `other`."""
    size: int
    """Bytes of one value."""
    big_endian: bool = False
    """Byte order."""

    @property
    def element(self) -> ElementType:
        """The same as an element type."""
        names = {"int": f"INT{self.size * 8}", "uint": f"UINT{self.size * 8}", "float": f"FP{self.size * 8}"}
        return ElementType(names.get(self.kind, "BYTES"), self.size * 8)


class Hdf5Values:
    """Reads values; every method raises Damaged for bytes that are invalid or beyond the file's end."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._offsets = 8
        self._lengths = 8
        self._messages = 0
        self._heaps: dict[int, dict[int, bytes]] = {}

    def _bytes(self, at: int, count: int) -> bytes:
        if at < 0 or count < 0 or at + count > self.source.size:
            detail = say("a value at {at} goes on to {end}, the file ends at {size}", **self._told(at, count))
            raise Damaged("truncated", detail, at)
        block, base = self.source.window(at, count)
        return block[at - base : at - base + count]

    def _told(self, at: int, count: int) -> dict[str, int]:
        return {"at": at, "end": at + count, "size": self.source.size}

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._bytes(at, size), "little")

    def _address(self, at: int) -> int | None:
        value = self._number(at, self._offsets)
        return None if value == (1 << 8 * self._offsets) - 1 else value

    def _name(self, at: int, most: int) -> str:
        raw = self._bytes(at, min(most, 1024, max(self.source.size - at, 0)))
        return raw.partition(b"\0")[0].decode("utf-8", "replace")

    def _dataspace(self, at: int) -> tuple[int, ...]:
        version, rank = self._number(at, 1), self._number(at + 1, 1)
        if version not in (1, 2) or rank > 32:
            raise Damaged("structure", say("a shape at {at} is of an unknown version", at=at), at)
        start = at + (8 if version == 1 else 4)
        return tuple(self._number(start + self._lengths * axis, self._lengths) for axis in range(rank))

    def _datatype(self, at: int) -> Type:
        first, flags, size = self._number(at, 1), self._number(at + 1, 3), self._number(at + 4, 4)
        kind, big = first & 0xF, bool(flags & 1)
        if kind == 0:
            return Type("int" if flags & 8 else "uint", size, big)
        if kind == 1:
            return Type("float", size, big)
        if kind == 3:
            return Type("text", size)
        if kind == 8 and size == 1:  # an enumeration of one byte: what h5py makes of a truth value
            return Type("uint", 1)
        if kind == 9 and flags & 0xF == 1:
            return Type("vlen-text", size)
        return Type("other", size)

    def _value(self, kind: Type, at: int) -> str | int | float | None:
        order = "big" if kind.big_endian else "little"
        if kind.kind in ("int", "uint") and kind.size <= 8:
            return int.from_bytes(self._bytes(at, kind.size), order, signed=kind.kind == "int")  # type: ignore[arg-type]
        if kind.kind == "text" and kind.size <= MOST_TEXT:
            return self._bytes(at, kind.size).partition(b"\0")[0].decode("utf-8", "replace")
        if kind.kind == "vlen-text":
            length, heap = self._number(at, 4), self._number(at + 4, self._offsets)
            return self._heap(heap, self._number(at + 4 + self._offsets, 4))[:length].decode("utf-8", "replace")
        return None

    def _heap(self, at: int, index: int) -> bytes:
        """An entry of a global heap."""
        if at not in self._heaps:
            if self._bytes(at, 4) != b"GCOL":
                raise Damaged("structure", say("there is no heap at {at}", at=at), at)
            end = at + self._number(at + 8, self._lengths)
            entries: dict[int, bytes] = {}
            place = at + 8 + self._lengths
            while place + 8 + self._lengths <= end:
                number, size = self._number(place, 2), self._number(place + 8, self._lengths)
                if number == 0:
                    break
                if size > MOST_TEXT:
                    raise Damaged("bounds", say("a text of {size:bytes} at {at}", size=size, at=place), place)
                entries[number] = self._bytes(place + 8 + self._lengths, size)
                place += 8 + self._lengths + (size + 7 & ~7)
                self._messages += 1
                if self._messages > MOST_MESSAGES:
                    raise Damaged("structure", say("more messages than are read"), place)
            self._heaps[at] = entries
        if index not in self._heaps[at]:
            raise Damaged("structure", say("a heap at {at} has no entry {index}", at=at, index=index), at)
        return self._heaps[at][index]
