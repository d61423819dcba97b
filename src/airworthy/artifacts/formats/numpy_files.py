"""NumPy files: a single array (.npy) and an archive of arrays (.npz); object arrays are pickles and followed as such.

See https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

from __future__ import annotations

import ast
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import NUMPY
from airworthy.artifacts.encodings.pickle_opcodes import MOST_BYTES, Bounded, Readable
from airworthy.artifacts.encodings.pickles import scan, unknown
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import LOCAL_MAGIC, place, read_archive, read_member, read_start
from airworthy.artifacts.formats.file_format import FileFormat, goes_on
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection
from airworthy.core.values import Defect, FormatVersion, PickleImport

MAGIC = b"\x93NUMPY"
"""The first bytes of a single array."""
MOST_HEADER = 64 * 1024
"""Bytes of one array's header that are read; NumPy itself refuses more than 10 000."""
MOST_ARRAY = 4 * 1024 * 1024 * 1024
"""Bytes of a packed array of plain numbers that it may unfold to whatever it takes in the file."""
MOST_RANK = 64
"""Axes of one array."""


# Python 2 wrote sizes as `2L`.
_LONG = re.compile(r"(?<=\d)L(?=\s*[,)])")


class NpyHeader(NamedTuple):
    """What one array says of itself."""

    version: int
    """Its format's major version."""
    descr: str
    """Its type code with byte order, `<f4`; `object` or `structured` where it is no plain number."""
    shape: tuple[int, ...]
    """Its sizes."""
    data: int
    """Where its elements begin."""
    needed: int | None
    """Bytes that its elements need; None for objects."""
    column_major: bool
    """Whether the first size varies fastest."""


class UnknownElement(Damaged):
    """An array is of a type that NumPy does not write so, and perhaps one of objects."""


class Numpy(FileFormat):
    """The format."""

    name = "numpy"
    suffixes: tuple[str, ...] = (".npy", ".npz")

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it begins as an array does, or is an archive of nothing but arrays."""
        if head.startswith(MAGIC):
            return True
        if head[:4] != LOCAL_MAGIC or not head[30 : 30 + int.from_bytes(head[26:28], "little")].endswith(b".npy"):
            return False
        return goes_on(path, lambda source: _holds_arrays(source, path))

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read the headers; elements are not read unless they are objects, which are pickles."""
        reader = _NpyReader(source, path)
        if head[:4] == LOCAL_MAGIC:
            reader.read_archive()
        else:
            reader.read_array()
        weights: Counter[str] = Counter()
        for _, header in reader.headers:
            element = NUMPY.get(header.descr[1:])
            weights[element.name if element else header.descr] += header.needed or 0
        versions = sorted({header.version for _, header in reader.headers})
        model = self.model(
            path,
            parameters=sum(math.prod(header.shape) for _, header in reader.headers) if reader.headers else None,
            tensors=len(reader.headers) or None,
            datatypes=dict(weights),
            versions={"npy": versions[-1]} if versions else {},
        )
        unread = Unknown(say("{file} is damaged before its version", file=path.name))
        return build_inspection(
            model,
            defects=reader.defects,
            imports=dict.fromkeys(reader.imports),
            versions=[FormatVersion(kind="npy", version=number) for number in versions] if versions else unread,
            by_content=self.recognises(path, head),
        )


def _holds_arrays(source: Source, path: Path) -> bool:
    """Whether an archive is one of nothing but arrays; one without a directory goes by its name."""
    names = [member.name for member in read_archive(source).members]
    return all(name.endswith(".npy") for name in names) if names else path.suffix.lower() == ".npz"


class _NpyReader:
    def __init__(self, source: Source, path: Path) -> None:
        self.source = source
        self.path = path
        self.headers: list[tuple[str, NpyHeader]] = []
        self.imports: list[PickleImport] = []
        self.defects: list[Defect] = []

    def damaged(self, member: str, error: Damaged) -> None:
        self.defects.append(error.of(member))

    def read_array(self) -> None:
        source = self.source
        try:
            header = read_header(source.read(0, MOST_HEADER), source.size)
            self.headers.append((source.name, header))
            if header.needed is None:
                with self.path.open("rb") as file:
                    file.seek(header.data)
                    self.follow(source.name, file)
                return
            check_size(header, source.size)
        except Damaged as error:
            self.damaged(source.name, error)
            if isinstance(error, UnknownElement):
                self.imports.append(unknown(source.name, error.detail))

    def read_archive(self) -> None:
        archive = read_archive(self.source)
        whole: set[str] = set()
        for member in archive.members:
            try:
                header = read_header(read_start(self.source, member, MOST_HEADER), member.size)
                self.headers.append((member.name, header))
                if header.needed is None:
                    content = read_member(self.source, member, MOST_BYTES)
                    self.follow(member.name, io.BytesIO(content[header.data :]))
                else:
                    check_size(header, member.size)
                    if member.size <= MOST_ARRAY:
                        whole.add(member.name)
            except Damaged as error:  # noqa: PERF203 - one damaged member hides no other
                self.damaged(member.name, error)
                self.imports.append(unknown(member.name, error.detail))
        # An array of zeros packs well; one that is as long as its own header says is no bomb.
        self.defects += [each for each in archive.defects if each.kind != "bomb" or each.member not in whole]

    def follow(self, member: str, file: Readable) -> None:
        found = scan(Bounded(file), member[:200])
        self.imports += found.imports
        if found.damaged:
            self.damaged(member, Damaged("structure", found.broken, found.end))


def read_header(head: bytes, size: int) -> NpyHeader:
    """The header of an array whose first bytes these are.

    Raises:
        Damaged: it is no header of an array.
    """
    if not head.startswith(MAGIC) or len(head) < 10:
        raise Damaged("truncated" if MAGIC.startswith(head[:6]) else "header", say("it does not begin as an array"), 0)
    version = head[6]
    if version not in (1, 2, 3):
        raise Damaged("header", say("version {version} is not known", version=version), 6)
    start = 10 if version == 1 else 12
    length = int.from_bytes(head[8:start], "little")
    if start + length > size:
        raise Damaged("truncated", say("the header goes on to {end}", end=start + length), size)
    if start + length > MOST_HEADER:
        raise Damaged("header", say("the header's length is {length}", length=length), 8)
    if len(head) < start + length:
        raise Damaged("truncated", say("the header goes on to {end}", end=start + length), len(head))
    try:
        # literal_eval on a few kilobytes: nothing is evaluated but literals, and depth is bounded by the parser.
        text = head[start : start + length].decode("latin-1" if version < 3 else "utf-8").strip()
        entries = ast.literal_eval(_LONG.sub("", text) if version < 3 else text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise Damaged("header", say("the header is no table: {problem}", problem=type(error).__name__), start) from None
    if not isinstance(entries, dict) or entries.keys() != {"descr", "fortran_order", "shape"}:
        raise Damaged("header", say("the header needs descr, fortran_order and shape, and nothing else"), start)
    shape = entries["shape"]
    if (
        not isinstance(shape, tuple)
        or len(shape) > MOST_RANK
        or not all(type(each) is int and 0 <= each < 1 << 62 for each in shape)
        or not isinstance(entries["fortran_order"], bool)
    ):
        raise Damaged("header", say("its shape is not a list of sizes"), start)
    descr, width = _described(entries["descr"], start)
    needed = None if width is None else width * math.prod(shape)
    return NpyHeader(version, descr, shape, start + length, needed, entries["fortran_order"])


def _described(descr: object, at: int) -> tuple[str, int | None]:
    """A type code and the bytes of one element; None for objects."""
    if isinstance(descr, list):
        return "structured", _fields(descr, at, 0)
    if not isinstance(descr, str) or len(descr) < 2 or len(descr) > 40:
        raise UnknownElement("header", say("there is no element type {descr}", descr=repr(descr)[:50]), at)
    code = descr[1:]
    if "O" in code:
        return "object", None
    if code in NUMPY and descr[0] in "<>|=":
        return descr, NUMPY[code].bits // 8
    kind, digits = code[0], code[1:].partition("[")[0]
    if kind in "SUVaMmf" and digits.isdigit() and len(digits) < 10:
        return descr, int(digits) * (4 if kind == "U" else 1)
    raise UnknownElement("header", say("there is no element type {descr}", descr=repr(descr)[:50]), at)


def _fields(entries: list[object], at: int, depth: int) -> int | None:
    """Bytes of one structured element; None where a field is an object."""
    total = 0
    for entry in entries:
        if not isinstance(entry, tuple) or len(entry) not in (2, 3) or depth > 10:
            raise UnknownElement("header", say("a field is not a name, a type and a shape"), at)
        inner = entry[1]
        width = _fields(inner, at, depth + 1) if isinstance(inner, list) else _described(inner, at)[1]
        if width is None:
            return None
        shape = entry[2] if len(entry) == 3 else ()
        if not isinstance(shape, tuple) or not all(type(each) is int and each >= 0 for each in shape):
            raise UnknownElement("header", say("a field is not a name, a type and a shape"), at)
        total += width * math.prod(shape)
    return total


def check_size(header: NpyHeader, size: int) -> None:
    """Compare the elements with the bytes that are there.

    Raises:
        Damaged: there are fewer or more.
    """
    end = header.data + (header.needed or 0)
    if end > size:
        raise Damaged("truncated", say("elements go on to {end}, the data ends at {size}", end=end, size=size), size)
    if end < size:
        raise Damaged("padded", say("elements end at {end}, the data goes on to {size}", end=end, size=size), end)


def stored(path: Path) -> Iterator[Stored]:
    """Where the elements of plain arrays lie."""
    with Source(path) as source:
        if source.read(0, 4) != LOCAL_MAGIC:
            reader = _NpyReader(source, path)
            reader.read_array()
            for _, header in reader.headers:
                yield from _placed("array", header, path, header.data)
            return
        for member in read_archive(source).members:
            try:
                header = read_header(read_start(source, member, MOST_HEADER), member.size)
                start = place(source, member)
            except Damaged:
                continue
            name = member.name.removesuffix(".npy")
            if member.method:
                yield from _placed(name, header, path, start, member.packed, header.data)
            else:
                yield from _placed(name, header, path, start + header.data)


def _placed(name: str, header: NpyHeader, path: Path, at: int, packed: int = 0, skip: int = 0) -> Iterator[Stored]:
    element = NUMPY.get(header.descr[1:])
    if element is not None and header.needed is not None:
        shape = header.shape[::-1] if header.column_major else header.shape
        yield Stored(name, element.name, shape, path, at, header.needed, header.descr[0] == ">", packed, skip)
    else:
        note = say("values of type {datatype} are not worked out", datatype=header.descr)
        yield Stored(name, header.descr, header.shape, path, at, header.needed or 0, note=note)


FORMAT = Numpy()
