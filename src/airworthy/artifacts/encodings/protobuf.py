"""The protobuf wire format: a walk over a message's fields that steps over long values without reading them.

See https://protobuf.dev/programming-guides/encoding/. Messages, strings and packed numbers come as their place in the
file; the caller decides which to enter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.source import Source

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""The wire types; 3 and 4, groups, are long out of use and no model format has them."""
MOST_DEPTH = 100
"""Messages within messages, as protobuf's own parsers limit them."""
MOST_FIELDS = 4_000_000
"""Fields of one file; a graph of 100 000 nodes has about a quarter of them."""
TEXT_LIMIT = 64 * 1024
"""Bytes of a string that are read at the most."""
_HEAD = 20  # a tag and a varint, ten bytes each at the most


class Field(NamedTuple):
    """One field of a message."""

    number: int
    """Its number in the message's definition."""
    wire: int
    """Its wire type."""
    value: int
    """The number, unsigned; the length in bytes for `BYTES`."""
    start: int
    """Where its value lies in the file."""

    @property
    def end(self) -> int:
        """Where a `BYTES` value ends."""
        return self.start + self.value


class Wire:
    """A walk through one file, with the limits that hold for all of it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._left = MOST_FIELDS

    def fields(self, start: int, end: int, depth: int = 0) -> Iterator[Field]:
        """The fields of the message that lies between two offsets.

        Raises:
            Damaged: the bytes are no message, end too early, or pass the limits.
        """
        if depth > MOST_DEPTH:
            raise Damaged("structure", f"messages are nested more than {MOST_DEPTH} deep", start)
        source = self.source
        block, base = b"", 0
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise Damaged("structure", f"more than {MOST_FIELDS} fields", at)
            if at < base or at + _HEAD > base + len(block):
                block, base = source.window(at, _HEAD)
            tag, value_at = _varint(block, base, at, end, source.size)
            number, wire = tag >> 3, tag & 7
            if number == 0 or number >= 1 << 29:
                raise Damaged("structure", f"field number {number} does not exist", at)
            if wire == BYTES:
                length, value_at = _varint(block, base, value_at, end, source.size)
                after = value_at + length
                field = Field(number, wire, length, value_at)
            elif wire == VARINT:
                value, after = _varint(block, base, value_at, end, source.size)
                field = Field(number, wire, value, value_at)
            elif wire in (FIXED64, FIXED32):
                after = value_at + (8 if wire == FIXED64 else 4)
                raw = block[value_at - base : min(after, end) - base]
                field = Field(number, wire, int.from_bytes(raw, "little"), value_at)
            else:
                raise Damaged("structure", f"wire type {wire} does not exist", at)
            if after > end:
                raise _too_long(after, end, value_at, source.size)
            yield field
            at = after

    def text(self, field: Field) -> str:
        """A string field, its first `TEXT_LIMIT` bytes; bytes that are not UTF-8 are replaced."""
        length = min(field.value, TEXT_LIMIT)
        block, base = self.source.window(field.start, length)
        return block[field.start - base : field.start - base + length].decode("utf-8", "replace")

    def varints(self, field: Field, most: int) -> list[int]:
        """The numbers of a repeated varint field, packed or one by one, signed; at most `most`.

        Raises:
            Damaged: they are not varints, or too many.
        """
        if field.wire == VARINT:
            return [signed(field.value)]
        numbers: list[int] = []
        at = field.start
        while at < field.end:
            if len(numbers) == most:
                raise Damaged("structure", f"more than {most} sizes", at)
            block, base = self.source.window(at, _HEAD)
            value, at = _varint(block, base, at, field.end, self.source.size)
            numbers.append(signed(value))
        return numbers


def signed(value: int) -> int:
    """A varint read as a 64-bit number with a sign."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(block: bytes, base: int, at: int, end: int, size: int) -> tuple[int, int]:
    value = shift = 0
    index = at - base
    stop = min(end - base, len(block))
    while index < stop:
        byte = block[index]
        index += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, base + index
        shift += 7
        if shift > 63:
            break
    if shift > 63 or value >= 1 << 64:
        raise Damaged("structure", "a number is longer than 64 bits", at)
    raise _too_long(end + 1, end, at, size)


def _too_long(needed: int, end: int, at: int, size: int) -> Damaged:
    if end >= size:
        return Damaged("truncated", f"the file ends at {size}, a value at {at} goes on to {needed}", at)
    return Damaged("structure", f"a value at {at} goes on to {needed}, its message ends at {end}", at)
