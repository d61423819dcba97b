"""GGUF: metadata and tensor entries of a file or of all files of a split model, each tensor checked against its file.

See https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. What llama.cpp or the package `gguf` refuses is a defect:
https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/gguf.cpp.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from airworthy.artifacts.configuration import attention
from airworthy.artifacts.configuration import shape as network
from airworthy.artifacts.configuration.chat_templates import judge
from airworthy.artifacts.encodings.cursor import Cursor
from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import GGML, GGML_REMOVED, GGUF_FILE_TYPES, PLAIN
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.file_format import FileFormat
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection, files_of
from airworthy.core import keys
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import DATATYPES, Inspection
from airworthy.core.values import Defect, FormatVersion

MAGIC = b"GGUF"
"""The first bytes, in either byte order."""
MOST_TENSORS = 2_000_000
"""Tensors of one file that are read."""
MOST_ENTRIES = 100_000
"""Metadata entries of one file that are read; real ones have about fifty."""
MOST_STRING = 16 * 1024 * 1024
"""Bytes of one text."""
MOST_RANK = 4
"""Axes of one tensor: ggml has no more."""
MOST_NAME = 63
"""Bytes of a tensor's name: ggml keeps 64 with the zero that ends it."""
MOST_KEY = 65_535
"""Bytes of a key, by the specification."""
MOST_FILES = 2_000
"""Files of one split model."""
MOST_LAYERS = 4096
"""Numbers of a list with one for each layer."""
_MOST_SIZE = (1 << 63) - 1
_KEPT = 300
_SHOWN = 16
# Lists with a number for each layer, which decide what the layer keeps of a token.
_BY_LAYER = (".head_count", ".head_count_kv", ".sliding_window_pattern", ".feed_forward_length")
_TEMPLATE = "tokenizer.chat_template"
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_UINT32, _STRING, _ARRAY = 4, 8, 9
_ALIGNMENT = "general.alignment"
SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf\Z")
"""How the files of a split model are named."""


@dataclass
class GgufContents:
    """What was read of one GGUF file."""

    version: int = 0
    big_endian: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    tensors: list[tuple[str, int, tuple[int, ...], int]] = field(default_factory=list)
    """Name, type number, sizes with the slowest first, offset in the file."""
    defects: list[Defect] = field(default_factory=list)


class Gguf(FileFormat):
    """The format."""

    name = "gguf"
    suffixes: tuple[str, ...] = (".gguf",)

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it begins with the magic letters and a version."""
        return head[:4] == MAGIC and (head[4:6] != b"\0\0" or head[6:8] != b"\0\0")

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read metadata and tensor entries; of a split model those of all files."""
        contents = read_contents(source)
        return _build_inspection(path, contents)


def read_contents(source: Source) -> GgufContents:
    """What a file says of itself; damage is among its defects."""
    contents = GgufContents()
    cursor = Cursor(source)

    def damaged(kind: str, detail: str, offset: int | None = None) -> None:
        contents.defects.append(Defect(member=source.name, kind=kind, detail=detail, offset=offset))

    try:
        _read(cursor, contents, damaged)
    except Damaged as error:
        damaged(error.kind, error.detail, error.offset)
    return contents


def _read(cursor: Cursor, contents: GgufContents, damaged: Callable[..., None]) -> None:
    if cursor.take(4) != MAGIC:
        raise Damaged("header", say("it does not begin with the letters GGUF"), 0)
    version = cursor.number(4)
    if version & 0xFFFF == 0 and version:  # written on a machine of the other byte order
        cursor.order, contents.big_endian = ">", True
        version = int.from_bytes(version.to_bytes(4, "little"), "big")
    contents.version = version
    if not 1 <= version <= 3:
        raise Damaged("header", say("GGUF version {version} is not known", version=version), 4)
    word = 4 if version == 1 else 8
    tensors, entries = cursor.number(word), cursor.number(word)
    left = cursor.source.size - cursor.at
    if tensors > MOST_TENSORS or entries > MOST_ENTRIES or tensors * 3 * word + entries * (word + 5) > left:
        detail = say("it announces {tensors} tensors and {entries} entries", tensors=tensors, entries=entries)
        raise Damaged("truncated" if tensors <= MOST_TENSORS and entries <= MOST_ENTRIES else "header", detail, 8)
    alignment = 32
    for _ in range(entries):
        at = cursor.at
        key = _name(cursor, word, MOST_KEY, say("a key"))
        kind = cursor.number(4)
        whole = key == _TEMPLATE or key.endswith(_BY_LAYER)
        value = _value(cursor, kind, word, at, whole=whole)
        if key in contents.metadata:
            damaged("header", say("the entry {key!r} is there twice", key=key[:200]), at)
        contents.metadata[key] = value
        if key == _ALIGNMENT:
            alignment = _number(value) or 0
            if kind != _UINT32 or not alignment or alignment & alignment - 1:
                raise Damaged("header", say("an alignment of {value} is not allowed", value=value[:50]), at)
    for _ in range(tensors):
        contents.tensors.append(_tensor(cursor, word))
    data = (cursor.at + alignment - 1) // alignment * alignment
    _check(cursor.source, contents, data, alignment, damaged)


def _name(cursor: Cursor, word: int, most: int, what: str, *, allow_empty: bool = False) -> str:
    """A key or a tensor's name, which every reader has to find the same."""
    at, length = cursor.at, cursor.number(word)
    if length > most or not (length or allow_empty):
        raise Damaged("header", say("{what} of {length} bytes", what=what, length=length), at)
    raw = cursor.take(length)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged("header", say("{what} that is not UTF-8: {start}", what=what, start=repr(raw[:50])), at) from None
    if "\0" in text:  # C's functions end it there, others don't
        raise Damaged("header", say("{what} with a zero byte: {start}", what=what, start=repr(raw[:50])), at)
    return text


def _value(cursor: Cursor, kind: int, word: int, at: int, *, whole: bool = False) -> str:
    """A metadata value as text; a long array, or a text of many megabytes, as its length."""
    if kind in _SCALARS:
        return _scalar(cursor, _SCALARS[kind])
    if kind == _STRING:
        length = cursor.number(word)
        if length > MOST_STRING and whole:
            raise Damaged("header", say("a chat template of {length} bytes", length=length), at)
        if length > MOST_STRING:
            cursor.skip(length)
            return say("{count} bytes", count=length)
        text = cursor.take(length).decode("utf-8", "replace")
        return text if whole else text[:_KEPT]
    if kind != _ARRAY:
        raise Damaged("header", say("there is no value of type {kind}", kind=kind), at)
    inner, count = cursor.number(4), cursor.number(word)
    if inner in _SCALARS:
        if count > (MOST_LAYERS if whole else _SHOWN):
            cursor.skip(struct.calcsize("=" + _SCALARS[inner]) * count)
            return say("{count} values", count=count)
        if whole:
            return f"[{', '.join(_value(cursor, inner, word, at) for _ in range(count))}]"
    elif inner != _STRING:
        # Neither a list of lists, which the specification allows and no reader takes.
        raise Damaged("header", say("a list of values of type {kind}, which no reader takes", kind=inner), at)
    elif count * word > cursor.source.size - cursor.at:
        raise Damaged("truncated", say("a list of {count} values does not fit the file", count=count), at)
    elif count > _SHOWN:
        for _ in range(count):
            cursor.skip(cursor.number(word))
        return say("{count} values", count=count)
    values = [_value(cursor, inner, word, at) for _ in range(count)]
    return f"[{', '.join(values)}]"[:_KEPT]


def _scalar(cursor: Cursor, code: str) -> str:
    value = struct.unpack(cursor.order + code, cursor.take(struct.calcsize("=" + code)))[0]
    return str(value).lower() if code == "?" else f"{value:g}" if code in "fd" else str(value)


def _tensor(cursor: Cursor, word: int) -> tuple[str, int, tuple[int, ...], int]:
    at = cursor.at
    name = _name(cursor, word, MOST_NAME, say("a tensor's name"), allow_empty=True)
    rank = cursor.number(4)
    if rank > MOST_RANK:
        raise Damaged("header", say("tensor {name!r} has {rank} axes", name=name, rank=rank), at)
    sizes = cursor.numbers(word, rank)
    if any(size > _MOST_SIZE for size in sizes):
        raise Damaged("header", say("tensor {name!r} has more elements than can be counted", name=name), at)
    return name, cursor.number(4), sizes[::-1], cursor.number(8)


def _check(source: Source, contents: GgufContents, data: int, alignment: int, damaged: Callable[..., None]) -> None:
    """Each tensor against its type, the others and the file; offsets become those in the file."""
    names: set[str] = set()
    end = data if contents.tensors else 0
    needed = data if contents.tensors else 0
    follows = True
    for index, (name, kind, shape, offset) in enumerate(contents.tensors):
        start = data + offset
        contents.tensors[index] = (name, kind, shape, start)
        if name in names:
            damaged("header", say("two tensors are named {name!r}", name=name))
        names.add(name)
        element = GGML.get(kind)
        if element is None:
            damaged("header", say("tensor {name!r} is of type {kind}, which is not known", name=name, kind=kind))
            follows = False
            continue
        if kind in GGML_REMOVED:
            problem = "tensor {name!r} is of type {kind}, which llama.cpp no longer reads"
            damaged("header", say(problem, name=name, kind=element.name))
        if (shape and shape[-1] % element.elements) or (not shape and element.elements > 1):
            problem = "tensor {name!r} has rows of {row}, no whole blocks of {block}"
            row = shape[-1] if shape else 1
            damaged("header", say(problem, name=name, row=row, block=element.elements))
            follows = False
            continue
        # They lie in the order of their entries, each at the next multiple of the alignment.
        at = end + -end % alignment
        if start != at and follows:
            kind_of, template = "bounds", "tensor {name!r} begins at {start}, and has to at {at}"
            if start < end:
                kind_of, template = "overlap", "tensor {name!r} begins at {start}, before the last one ends at {at}"
                at = end
            damaged(kind_of, say(template, name=name, start=start, at=at), start)
        follows = True
        size = element.stored(math.prod(shape))
        end = max(end, start + size)
        needed = max(needed, start + size if size else 0)
    if needed > source.size:
        detail = say("tensors go on to {end}, the file ends at {size}", end=needed, size=source.size)
        damaged("truncated", detail, source.size)
    elif not contents.defects and contents.tensors and source.size - end >= alignment:
        detail = say("tensors end at {end}, the file goes on to {size}", end=end, size=source.size)
        damaged("padded", detail, end)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _quantization(metadata: dict[str, str], weights: Counter[str]) -> str:
    """What the file calls its mixture of types, or the commonest of the quantised ones; empty where none is."""
    common = next((name for name, _ in weights.most_common() if name not in DATATYPES), "")
    file_type = _number(metadata.get("general.file_type", ""))
    return common if not common or file_type is None else GGUF_FILE_TYPES.get(file_type, common)


def _parts(path: Path, contents: GgufContents) -> tuple[list[Path], list[Defect]]:
    """The files of the model, in order, and those that are missing."""
    count = _number(contents.metadata.get("split.count", "")) or 1
    match = SPLIT.match(path.name)
    if count < 2:
        return [path], []
    if match is None or count > MOST_FILES:
        detail = say("it is one of {count} files, and its name does not say the others", count=count)
        return [path], [Defect(member=path.name, kind="missing", detail=detail)]
    paths, defects = [], []
    for number in range(1, count + 1):
        part = path.with_name(f"{match['stem']}-{number:05d}-of-{count:05d}.gguf")
        if part.is_file():
            paths.append(part)
        else:
            detail = say("{name} is one of {count} files, and this one is not there", name=path.name, count=count)
            defects.append(Defect(member=part.name, kind="missing", detail=detail))
    return paths, defects


def _build_inspection(path: Path, contents: GgufContents) -> Inspection:
    paths, defects = _parts(path, contents)
    metadata = contents.metadata
    tensors = 0
    parameters = 0
    weights: Counter[str] = Counter()
    for part in paths:
        each = contents
        if part != path:
            with Source(part) as source:
                each = read_contents(source)
            if each.metadata.get("split.no") == "0":
                metadata = {**each.metadata}
        defects += each.defects
        tensors += len(each.tensors)
        for _, kind, shape, _ in each.tensors:
            parameters += math.prod(shape)
            if element := GGML.get(kind):
                weights[PLAIN.get(element.name, element.name)] += element.stored(math.prod(shape))
    announced = _number(metadata.get("split.tensors.count", ""))
    if announced is not None and announced != tensors and not defects:
        detail = say("the model announces {wanted} tensors and has {found}", wanted=announced, found=tensors)
        defects.append(Defect(member=path.name, kind="structure", detail=detail))
    architecture = metadata.get("general.architecture", "")
    template = metadata.pop(_TEMPLATE, "")
    model = FORMAT.model(
        path,
        entry=str(paths[0].absolute() if paths else path.absolute()),
        files=files_of(path.parent, [(part, Gguf.name) for part in paths]),
        architecture=architecture[:200],
        producer=metadata.get("general.quantized_by", ""),
        parameters=parameters if contents.tensors and not defects else None,
        tensors=tensors,
        quantization=_quantization(metadata, weights),
        datatypes=dict(weights),
        versions={"gguf": contents.version} if contents.version else {},
        tokenizer=metadata.get("tokenizer.ggml.model", ""),
        max_length=_number(metadata.get(f"{architecture}.context_length", "")),
        chat_template=template,
        license=metadata.get("general.license", ""),
        metadata=metadata | ({"byte order": "big"} if contents.big_endian else {}),
    )
    versions = (FormatVersion(kind="gguf", version=contents.version),)
    inspection = build_inspection(
        model,
        defects=defects,
        versions=versions if contents.version else Unknown(say("{file} is damaged before its version", file=path.name)),
        code=judge(template, path.name),
        by_content=bool(contents.version),
    )
    facts = {}
    if not defects:
        facts = {
            keys.MODEL_CACHE.name: attention.of_metadata(metadata),
            keys.MODEL_SHAPE.name: network.of_metadata(metadata),
        }
    return msgspec.structs.replace(inspection, facts=inspection.facts.merged(facts))


def stored(path: Path) -> Iterator[Stored]:
    """Where the tensors of a file lie; for a split model those of all its files."""
    with Source(path) as source:
        first = read_contents(source)
    for part in _parts(path, first)[0]:
        contents = first
        if part != path:
            with Source(part) as source:
                contents = read_contents(source)
        for name, kind, shape, offset in contents.tensors:
            if element := GGML.get(kind):
                datatype = PLAIN.get(element.name, element.name)
                size = element.stored(math.prod(shape))
                yield Stored(name, datatype, shape, part, offset, size, contents.big_endian)


FORMAT = Gguf()
