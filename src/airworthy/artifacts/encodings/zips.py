"""The directory of a ZIP archive, with what in it disagrees with itself.

Python's `zipfile` forgives and remembers too much for files from strangers: here sizes are bounded, both headers of a
member must agree, and a difference is a defect. See https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import NamedTuple

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.source import Source
from airworthy.core.messages import say
from airworthy.core.values import Defect

MOST_DIRECTORY = 64 * 1024 * 1024
"""Bytes of a central directory that are read."""
MOST_MEMBERS = 200_000
"""Members that are read."""
MOST_RATIO = 200
"""Times that a member may unfold; deflate reaches 1032, weights and texts stay below twenty."""
HARMLESS = 1024 * 1024 * 1024
"""Bytes that a member may unfold to whatever it takes: an array of zeros is no bomb."""
LOCAL_MAGIC = b"PK\x03\x04"
_CENTRAL = struct.Struct("<4s4x4H3L5H2L")
_LOCAL = struct.Struct("<4s2xHH4x3L2H")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_STORED, _DEFLATED = 0, 8
_TABLES = 4096
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_PATCHED = 0x20
_FULL = 0xFFFFFFFF
_LINK = 0xA  # the file type of a symbolic link in a Unix mode, which lies in the upper half of the attributes


class ZipMember(NamedTuple):
    """A member of an archive."""

    name: str
    """Its name in the central directory."""
    flags: int
    """General purpose flags."""
    method: int
    """How it is compressed: 0 is not at all, 8 is deflate."""
    checksum: int
    """CRC-32 of its content."""
    packed: int
    """Its bytes in the archive."""
    size: int
    """The bytes of its content."""
    header: int
    """Where its local header lies."""
    link: bool = False
    """Whether it is a symbolic link."""


class Archive(NamedTuple):
    """The directory of an archive."""

    members: tuple[ZipMember, ...]
    """Its members in the directory's order."""
    defects: tuple[Defect, ...]
    """What is wrong with the directory."""


def read_archive(source: Source) -> Archive:
    """The central directory of an archive. Damage is among its defects."""
    try:
        start, length, count = _place(source)
        members = tuple(_members(source.read(start, length), start, count))
    except Damaged as error:
        return Archive((), (error.of(source.name),))
    defects = []
    seen: set[str] = set()
    spans: list[tuple[int, int, str]] = []
    for member in members:
        if member.name in seen:
            detail = say("two members are named {name}", name=member.name[:200])
            defects.append(Defect(member=member.name[:200], kind="structure", detail=detail, offset=member.header))
        seen.add(member.name)
        if member.link or _escapes(member.name):
            problem = say("it is a symbolic link") if member.link else say("its name leads out of the archive's folder")
            defects.append(Defect(member=member.name[:200], kind="path", detail=problem, offset=member.header))
        try:
            spans.append((member.header, place(source, member) + member.packed, member.name))
            _check_ratio(member)
        except Damaged as error:
            defects.append(error.of(member.name))
    spans.sort()
    for (_, end, name), (start, _, other) in itertools.pairwise(spans):
        if start < end:
            detail = say("{name} and {other} share bytes of the archive", name=name[:200], other=other[:200])
            defects.append(Defect(member=other[:200], kind="overlap", detail=detail, offset=start))
    return Archive(members, tuple(defects))


def _escapes(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or name[:1] in ("/", "\\") or name[1:2] == ":" or "\0" in name


def _check_ratio(member: ZipMember) -> None:
    if member.size > HARMLESS and member.size > MOST_RATIO * member.packed:
        detail = say("it unfolds from {packed:bytes} to {size:bytes}", packed=member.packed, size=member.size)
        raise Damaged("bomb", detail, member.header)


def place(source: Source, member: ZipMember) -> int:
    """Where a member's bytes lie.

    Raises:
        Damaged: its local header is missing or says something else than the directory, or the bytes pass the end.
    """
    raw = source.read(member.header, _LOCAL.size)
    if len(raw) < _LOCAL.size or raw[:4] != LOCAL_MAGIC:
        raise Damaged("structure", say("there is no member at {at}", at=member.header), member.header)
    _, flags, method, checksum, packed, size, name_length, extra_length = _LOCAL.unpack(raw)
    name = source.read(member.header + _LOCAL.size, name_length)
    told = (member.method, member.flags & 0x1)
    if name.decode("utf-8", "replace") != member.name or (method, flags & 0x1) != told:
        detail = say("its own header and the directory disagree about it")
        raise Damaged("structure", detail, member.header)
    sizes_follow = flags & 0x8 or _FULL in (packed, size)
    if not sizes_follow and (checksum, packed, size) != (member.checksum, member.packed, member.size):
        raise Damaged("structure", say("its own header and the directory disagree about its size"), member.header)
    start: int = member.header + _LOCAL.size + name_length + extra_length
    if start + member.packed > source.size:
        detail = say("it goes on to {end}, the file ends at {size}", end=start + member.packed, size=source.size)
        raise Damaged("truncated", detail, start)
    return start


def read_member(source: Source, member: ZipMember, limit: int) -> bytes:
    """A member's content.

    Raises:
        Damaged: it is encrypted, larger than the limit, packed in an unknown way, or fails its checksum.
    """
    start = place(source, member)
    if member.flags & (_ENCRYPTED | _PATCHED):
        raise Damaged("structure", say("it is encrypted"), member.header)
    if member.size > limit or member.packed > limit:
        raise Damaged("bounds", say("it is larger than {limit:bytes}", limit=limit), member.header)
    raw = source.read(start, member.packed)
    if member.method == _DEFLATED:
        unpacker = zlib.decompressobj(-15)
        try:
            raw = unpacker.decompress(raw, limit + 1)
        except zlib.error as error:
            raise Damaged("checksum", say("it cannot be unpacked: {problem}", problem=error), start) from None
    elif member.method != _STORED:
        raise Damaged("structure", say("it is packed by method {number}", number=member.method), member.header)
    if len(raw) != member.size:
        detail = say("it has {found} bytes, the directory says {told}", found=len(raw), told=member.size)
        raise Damaged("structure", detail, start)
    if zlib.crc32(raw) != member.checksum:
        raise Damaged("checksum", say("its content does not fit its checksum"), start)
    return raw


def read_start(source: Source, member: ZipMember, count: int) -> bytes:
    """A member's first bytes, unpacked and unchecked: enough to say what it is.

    Raises:
        Damaged: it is encrypted, packed in an unknown way, or its place is wrong.
    """
    start = place(source, member)
    if member.flags & (_ENCRYPTED | _PATCHED):
        raise Damaged("structure", say("it is encrypted"), member.header)
    # A packed block begins with its own tables, of some hundred bytes, before anything comes out.
    ahead = 0 if member.method == _STORED else _TABLES
    raw = source.read(start, min(member.packed, count + ahead))
    if member.method == _STORED:
        return raw
    if member.method != _DEFLATED:
        raise Damaged("structure", say("it is packed by method {number}", number=member.method), member.header)
    try:
        return zlib.decompressobj(-15).decompress(raw, count)
    except zlib.error as error:
        raise Damaged("checksum", say("it cannot be unpacked: {problem}", problem=error), start) from None


def _place(source: Source) -> tuple[int, int, int]:
    """Where the central directory lies: offset, bytes, members."""
    tail_at = max(0, source.size - _END.size - 0xFFFF)
    tail = source.read(tail_at, source.size - tail_at)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        detail = say("the archive's directory, which lies at its end, is missing: the file ends too early")
        raise Damaged("truncated", detail, source.size)
    at = tail_at + found
    _, _, _, _, count, length, start, comment = _END.unpack_from(tail, found)
    if at + _END.size + comment != source.size:
        raise Damaged("padded", say("bytes follow the archive's end"), at + _END.size + comment)
    if _FULL in (length, start) or count == 0xFFFF:
        locator = source.read(at - 20, 20) if at >= 20 else b""
        if locator[:4] == b"PK\x06\x07":
            end64 = source.read(int.from_bytes(locator[8:16], "little"), _END64.size)
            if len(end64) < _END64.size or end64[:4] != b"PK\x06\x06":
                raise Damaged("structure", say("the archive's 64-bit end is missing"), at)
            *_, count, length, start = _END64.unpack(end64)
    if start + length > at:
        raise Damaged("bounds", say("the archive's directory passes its end"), at)
    if length > MOST_DIRECTORY or count > MOST_MEMBERS:
        raise Damaged("bounds", say("the archive's directory is too large to be read"), at)
    return start, length, count


def _members(raw: bytes, start: int, count: int) -> list[ZipMember]:
    members = []
    at = 0
    for _ in range(count):
        if len(raw) - at < _CENTRAL.size or raw[at : at + 4] != b"PK\x01\x02":
            raise Damaged("structure", say("the archive's directory breaks off"), start + at)
        _, flags, method, _, _, crc, packed, size, names, extras, comments, _, _, attributes, header = (
            _CENTRAL.unpack_from(raw, at)
        )
        name_at = at + _CENTRAL.size
        extra_at = name_at + names
        end = extra_at + extras + comments
        if end > len(raw):
            raise Damaged("structure", say("the archive's directory breaks off"), start + at)
        name = raw[name_at:extra_at].decode("utf-8", "replace")
        size, packed, header = _wide(raw[extra_at : extra_at + extras], size, packed, header)
        link = attributes >> 28 == _LINK
        members.append(ZipMember(name, flags, method, crc, packed, size, header, link))
        at = end
    if at != len(raw):
        raise Damaged("structure", say("the archive's directory holds more than it says"), start + at)
    return members


def _wide(extra: bytes, *numbers: int) -> tuple[int, int, int]:
    """Sizes and offset, the full ones replaced by those of the 64-bit extra field."""
    at = 0
    wide = b""
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            wide = extra[at + 4 : at + 4 + length]
        at += 4 + length
    result = []
    for number in numbers:
        if number == _FULL and len(wide) >= 8:
            result.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            result.append(number)
    return result[0], result[1], result[2]
