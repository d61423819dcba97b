"""Plain pickles, as scikit-learn, joblib and others write them, packed or not: what they would import if loaded.

PyTorch's own files are described in `pytorch`. Nothing is unpickled.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from pathlib import Path
from typing import Any

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.lz4_frames import MAGIC as LZ4
from airworthy.artifacts.encodings.lz4_frames import unpack_frame
from airworthy.artifacts.encodings.pickle_opcodes import MOST_BYTES, Bounded
from airworthy.artifacts.encodings.pickles import NEWEST_PROTOCOL, PickleScan, is_one_value, is_pickle, scan, unknown
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.file_format import FileFormat
from airworthy.artifacts.formats.interface import HEAD
from airworthy.artifacts.inspection import build_inspection
from airworthy.core.messages import say
from airworthy.core.model import Inspection
from airworthy.core.values import Defect

MOST_PICKLES = 100
"""Pickles that are followed in one file."""
MOST_UNPACKED = 256 * 1024 * 1024
"""Bytes that a packed file is unpacked to."""
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The number that the first of the five pickles of an older PyTorch file makes."""
OLD_JOBLIB = "zlib, as before joblib 0.10"
_OLD_HEADER = 21
"""Bytes before the zlib stream of such a file: `ZF` and the length of its content, in hexadecimal digits and spaces."""
# What joblib packs with, by first bytes; each is what the decompressor of the standard library takes.
_PACKED: tuple[tuple[bytes, str], ...] = (
    *((first, "zlib") for first in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")),
    *((b"\x1f\x8b", "gzip"), (b"BZ", "bz2"), (b"\xfd7zXZ", "xz"), (b"\x5d\x00", "lzma"), (LZ4, "lz4")),
    (b"ZF0x", OLD_JOBLIB),
)
_FAMILIES = {"sklearn": "scikit-learn", "xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost"}
_FAMILIES |= {"statsmodels": "statsmodels", "pandas": "pandas", "torch": "PyTorch", "tensorflow": "TensorFlow"}
_FAMILIES |= {"keras": "Keras", "transformers": "transformers", "joblib": "joblib", "numpy": "NumPy"}


def packing(head: bytes) -> str:
    """How a file is packed, by its first bytes; empty where it is not."""
    return next((name for magic, name in _PACKED if head.startswith(magic)), "")


def unpack(packed: bytes, how: str, most: int) -> tuple[bytes, str]:
    """The first `most` bytes of packed content, and why there are no more where that is damage."""
    if how == "lz4":
        try:
            return unpack_frame(packed, most), ""
        except Damaged as error:
            return b"", say("it cannot be unpacked: {problem}", problem=error)
    unpacker: Any
    if how == OLD_JOBLIB:
        # Some releases wrote one space more.
        at = _OLD_HEADER + (packed[_OLD_HEADER : _OLD_HEADER + 1] == b" ")
        packed, how = packed[at:], "zlib"
    if how in ("zlib", "gzip"):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | (16 if how == "gzip" else 0))
    else:
        unpacker = bz2.BZ2Decompressor() if how == "bz2" else lzma.LZMADecompressor(memlimit=256 * 1024 * 1024)
    try:
        found: bytes = unpacker.decompress(packed, most)
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError, MemoryError) as error:
        return b"", say("it cannot be unpacked: {problem}", problem=error)
    return found, "" if unpacker.eof or len(found) >= most else say("the packed content breaks off")


def begins_as_pickle(head: bytes) -> bool:
    """Whether these first bytes, or what they unpack to, are a pickle's."""
    if how := packing(head):
        head, _ = unpack(head, how, HEAD)
    return bool(head) and is_pickle(Bounded(io.BytesIO(head)), len(head))


def is_marked(head: bytes) -> bool:
    """Whether bytes begin with the mark of a protocol."""
    return len(head) > 1 and head[0] == 0x80 and head[1] <= NEWEST_PROTOCOL


def may_act(head: bytes) -> bool:
    """Whether a file with these first bytes may be a pickle: they can be followed to their end, or import something.

    Any text begins with opcodes of protocol 0; one that unpicklers give up before they import anything is none.
    """
    if how := packing(head):
        head, _ = unpack(head, how, HEAD)
    if is_marked(head):
        return True
    found = scan(Bounded(io.BytesIO(head)), "")
    return not found.damaged or found.ended or any(not each.reason for each in found.imports)


class Pickle(FileFormat):
    """The format."""

    name = "pickle"
    suffixes: tuple[str, ...] = (".pkl", ".pickle", ".joblib", ".sav", ".dill")

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it begins as a pickle does and not as PyTorch's; packed ones are looked into."""
        named = path.suffix.lower() in self.suffixes
        own = (begins_as_pickle(head) and (named or may_act(head))) or (named and is_one_value(head))
        return own and not is_torch(head)

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """List what it imports."""
        size = source.size
        how = packing(head)
        packed = source.read(0, MOST_BYTES) if how else b""
        scans: list[PickleScan] = []
        defects: list[Defect] = []
        own = begins_as_pickle(head) or (not how and size == len(head) and is_one_value(head))
        if not own:
            detail = say("it begins with {start}, which no pickle does", start=head[:8].hex(" "))
            defects.append(Defect(member=path.name, kind="header", detail=detail, offset=0))
        if how:
            content, problem = unpack(packed, how, MOST_UNPACKED)
            if problem:
                defects.append(Defect(member=path.name, kind="truncated", detail=problem, offset=size))
            scans = follow(io.BytesIO(content), len(content), path.name)
        else:
            with path.open("rb") as file:
                scans = follow(file, size, path.name)
        for found in scans:
            if found.broken and found.damaged and own:
                kind = "truncated" if found.end >= size else "structure"
                defects.append(Defect(member=path.name, kind=kind, detail=found.broken, offset=found.end))
        imports = [each for found in scans for each in found.imports if own or not each.reason]
        roots = {each.name.partition(".")[0] for each in imports}
        family = next((name for root, name in _FAMILIES.items() if root in roots), "")
        first = next((each.name for each in imports if not each.allowed and "." in each.name), "")
        model = self.model(
            path,
            architecture=first.rpartition(".")[2] if own and first.rpartition(".")[2][:1].isupper() else "",
            producer=family,
            metadata={"packed": how} if how else {},
        )
        return build_inspection(model, defects=defects, imports=tuple(dict.fromkeys(imports)), by_content=own)


def is_torch(head: bytes) -> bool:
    """Whether the first pickle makes the number that older PyTorch files begin with."""
    found = scan(Bounded(io.BytesIO(head[:64]), 64), "") if head[:1] in b"\x80L(I" else None
    return found is not None and found.value == LEGACY_MAGIC


def follow(file: io.BufferedIOBase | io.BufferedReader, size: int, member: str) -> list[PickleScan]:
    """The pickles that follow one another in a file, up to the first that cannot be followed."""
    scans: list[PickleScan] = []
    bounded = Bounded(file)
    for _ in range(MOST_PICKLES):
        found = scan(bounded, member)
        scans.append(found)
        if found.broken or found.end >= size:
            return scans
    reason = say("more than {count} pickles in one file", count=MOST_PICKLES)
    return [*scans, PickleScan((unknown(member, reason),), (), (), None, (), reason, False, size)]


FORMAT = Pickle()
