"""LZ4 frames, as joblib writes them where the package lz4 is installed; unpacked here without it.

See https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md there. Checksums are not
compared: the author of a forged file forges them as well.
"""

from __future__ import annotations

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.core.messages import say

MAGIC = b"\x04\x22\x4d\x18"
"""The first bytes of a frame."""
_VERSION = 0b01
_HISTORY = 64 * 1024
_MOST_SEQUENCES = 20_000_000


def unpack_frame(packed: bytes, most: int) -> bytes:
    """The first bytes of a frame's content, `most` of them.

    Raises:
        Damaged: it is damaged, breaks off, or needs a dictionary.
    """
    if len(packed) < 7 or not packed.startswith(MAGIC):
        raise Damaged("structure", say("it does not begin as a frame of LZ4"))
    flags = packed[4]
    if flags >> 6 != _VERSION or flags & 1:
        raise Damaged("structure", say("it is a frame of LZ4 of another version, or with a dictionary"))
    at = 7 + (8 if flags & 0b1000 else 0)
    found = bytearray()
    while len(found) < most:
        size = _number(packed, at, 4)
        at += 4
        if size == 0:
            return bytes(found)
        plain, size = bool(size >> 31), size & 0x7FFFFFFF
        if at + size > len(packed):
            raise Damaged("structure", say("the packed content breaks off"))
        if plain:
            found += packed[at : at + size]
        else:
            _unpack_block(packed, at, at + size, found, most)
        at += size + (4 if flags & 0b10000 else 0)
    return bytes(found[:most])


def _unpack_block(packed: bytes, at: int, end: int, found: bytearray, most: int) -> None:
    """Add a block's content: runs of new bytes, each followed by a copy of earlier ones."""
    for _ in range(_MOST_SEQUENCES):
        token = _number(packed, at, 1)
        count, at = _length(packed, at + 1, token >> 4)
        if at + count > end:
            raise Damaged("structure", say("the packed content breaks off"))
        found += packed[at : at + count]
        at += count
        if at >= end or len(found) >= most:
            return
        back = _number(packed, at, 2)
        if not 0 < back <= min(len(found), _HISTORY):
            raise Damaged("structure", say("the packed content refers to bytes before its beginning"))
        count, at = _length(packed, at + 2, token & 15)
        count = min(count + 4, most - len(found))
        start = len(found) - back
        pattern = bytes(found[start : start + count])
        found += pattern if len(pattern) == count else (pattern * (count // len(pattern) + 1))[:count]
        if at >= end:
            return
    raise Damaged("structure", say("a block has more than {count} parts", count=_MOST_SEQUENCES))


def _length(packed: bytes, at: int, nibble: int) -> tuple[int, int]:
    """A length and where it ends: four bits, and while they and each byte are full the next byte."""
    total = nibble
    last = 255 if nibble == 15 else 0
    while last == 255:
        last = _number(packed, at, 1)
        total += last
        at += 1
    return total, at


def _number(packed: bytes, at: int, width: int) -> int:
    if at + width > len(packed):
        raise Damaged("structure", say("the packed content breaks off"))
    return int.from_bytes(packed[at : at + width], "little")
