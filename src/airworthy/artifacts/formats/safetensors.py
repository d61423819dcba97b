"""safetensors: a JSON header that places every tensor, checked against itself and the file's size.

The rules are those of https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from airworthy.artifacts.encodings.datatypes import SAFETENSORS
from airworthy.artifacts.encodings.header_index import Tensors, parse
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.interface import HEAD
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import inspect_stand_in
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo, TensorInfo
from airworthy.core.values import Defect

MOST_HEADER = 100_000_000
"""Bytes of a header; the reference implementation refuses a larger one."""
MOST_RANK = 64
"""Axes of one tensor."""
LARGE_HEADER = 8 * 1024 * 1024
"""Bytes from which a header is read entry by entry: some hundred thousand tensors."""
MOST_DEFECTS = 1_000
"""Defects of one header that are reported."""
_METADATA = "__metadata__"


class SafetensorsHeader(msgspec.Struct, frozen=True):
    """What a safetensors file says of itself."""

    tensors: Sequence[TensorInfo] = ()
    """Its tensors in the order of their bytes; of very many each is made when it is requested."""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    """Texts that its writer added."""
    defects: tuple[Defect, ...] = ()
    """Where it disagrees with itself or with the file."""


class Safetensors:
    """The format."""

    name = "safetensors"
    suffixes: tuple[str, ...] = (".safetensors",)
    folder = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the first bytes are a header's length and its opening brace."""
        return 2 <= int.from_bytes(head[:8], "little") <= MOST_HEADER and head[8:9] == b"{"

    def inspect(self, path: Path) -> Inspection:
        """Read the header; tensors are not read."""
        with Source(path) as source:
            head = source.read(0, HEAD)
            stand_in = inspect_stand_in(path, head, self.name)
            if stand_in is not None:
                return stand_in
            header = read_header(source)
        weights, parameters = count(header.tensors)
        model = ModelInfo(
            name=name_of(path),
            path=str(path.absolute()),
            format=self.name,
            entry=str(path.absolute()),
            files=files_of(path.parent, [(path, self.name)]),
            parameters=parameters if header.tensors else None,
            tensors=len(header.tensors) or None,
            datatypes=weights,
            metadata=header.metadata,
        )
        return build_inspection(model, defects=header.defects, by_content=self.recognises(path, head))


def count(tensors: Iterable[TensorInfo]) -> tuple[dict[str, int], int]:
    """Bytes by element type, and the number of elements."""
    weights: Counter[str] = Counter()
    parameters = 0
    if isinstance(tensors, Tensors):
        for datatype, shape, number in tensors.kinds():
            element, elements = SAFETENSORS[datatype], math.prod(shape)
            weights[element.name] += number * element.stored(elements)
            parameters += number * elements
        return dict(weights), parameters
    for tensor in tensors:
        weights[SAFETENSORS[tensor.datatype].name] += tensor.size
        parameters += math.prod(tensor.shape)
    return dict(weights), parameters


def read_header(source: Source) -> SafetensorsHeader:
    """The header of a file. Damage is among its defects."""
    prefix = source.read(0, 9)
    length = int.from_bytes(prefix[:8], "little")
    if len(prefix) < 8:
        return _broken(source, "truncated", say("the file ends within the header's length"), source.size)
    if length > MOST_HEADER:
        told = say("the header's length is {length}, more than {most}", length=length, most=MOST_HEADER)
        return _broken(source, "header", told, 0)
    if 8 + length > source.size:
        told = say("the header goes on to {end}, the file ends at {size}", end=8 + length, size=source.size)
        return _broken(source, "truncated", told, source.size)
    if prefix[8:] != b"{":
        return _broken(source, "header", say("the header does not begin with a brace"), 8)
    raw = source.read(8, length)
    try:
        if length > LARGE_HEADER:
            return _read_many(source, raw, 8 + length)
        entries = _decoded(raw)
    except _Duplicate as error:
        return _broken(source, "header", say("the header names {name!r} twice", name=str(error)[:200]), 8)
    except (ValueError, RecursionError) as error:
        told = say("the header is not JSON: {problem}", problem=" ".join(str(error).split())[:200])
        return _broken(source, "header", told, 8)
    return _read_entries(source, entries, 8 + length)


def _decoded(raw: bytes) -> dict[str, Any]:
    """The header as a strict reader of JSON finds it: without NaN, halves of characters or a minus before a zero."""
    whole = _whole_number if b"-0" in raw else None
    entries: dict[str, Any] = json.loads(
        raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=whole
    )
    if b"\\u" in raw:
        msgspec.json.decode(raw)
    return entries


def _whole_number(text: str) -> int:
    if text == "-0":
        raise ValueError(say("{text} is not a whole number", text=text))
    return int(text)


def _no_constant(text: str) -> None:
    raise ValueError(say("{text} is not a value of JSON", text=text))


class _Duplicate(Exception):
    """A name that a JSON object has twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _Duplicate(counts.most_common(1)[0][0])
    return entries


def _broken(source: Source, kind: str, detail: str, offset: int) -> SafetensorsHeader:
    return SafetensorsHeader(defects=(Defect(member=source.name, kind=kind, detail=detail, offset=offset),))


Damaged = Callable[[str, str, "int | None"], None]


def _noting(source: Source, defects: list[Defect]) -> Damaged:
    def damaged(kind: str, detail: str, offset: int | None = None) -> None:
        if len(defects) < MOST_DEFECTS:
            defects.append(Defect(member=source.name, kind=kind, detail=detail, offset=offset))

    return damaged


def _read_entries(source: Source, entries: dict[str, Any], data: int) -> SafetensorsHeader:
    defects: list[Defect] = []
    damaged = _noting(source, defects)
    metadata = _texts(entries.pop(_METADATA, {}), damaged)
    placed = []
    for name, entry in entries.items():
        tensor = _tensor(name, entry)
        if isinstance(tensor, str):
            damaged("header", say("tensor {name!r}: {problem}", name=name[:200], problem=tensor), 8)
        else:
            placed.append((entry["data_offsets"][0], tensor))
    placed.sort(key=lambda item: (item[0], item[0] + item[1].size))
    places = ((start, tensor.size) for start, tensor in placed)
    _check_places(source, places, lambda number: placed[number][1].name, data, defects)
    return SafetensorsHeader(tuple(tensor for _, tensor in placed), metadata, tuple(defects))


def _read_many(source: Source, raw: bytes, data: int) -> SafetensorsHeader:
    """A large header, without an object for each of its tensors."""
    try:
        parsed = parse(raw, _tensor, MOST_DEFECTS)
    except KeyError as error:
        raise _Duplicate(error.args[0]) from None
    defects: list[Defect] = []
    damaged = _noting(source, defects)
    metadata = _texts(parsed.metadata, damaged)
    for problem in parsed.problems:
        damaged("header", problem, 8)
    tensors = parsed.tensors
    _check_places(source, tensors.places(), lambda number: tensors[number].name, data, defects)
    return SafetensorsHeader(tensors, metadata, tuple(defects))


def _texts(metadata: Any, damaged: Damaged) -> dict[str, str]:
    if metadata is None:
        return {}
    if isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values()):
        return metadata
    damaged("header", say("the metadata is not a table of texts"), 8)
    return {}


def _check_places(
    source: Source, places: Iterable[tuple[int, int]], name_of: Callable[[int], str], data: int, defects: list[Defect]
) -> None:
    """Whether tensors follow one another without gaps up to the file's end."""
    damaged = _noting(source, defects)
    at = 0
    for number, (start, size) in enumerate(places):
        if start != at:
            kind, template = ("overlap", "tensor {name!r} begins at {start}, before the last one ends at {at}")
            if start > at:
                kind, template = ("bounds", "tensor {name!r} begins at {start}, the last one ends at {at}")
            damaged(kind, say(template, name=name_of(number)[:200], start=start, at=at), data + start)
        at = max(at, start + size)
    end = data + at
    if not defects and end > source.size:
        told = say("tensors go on to {end}, the file ends at {size}", end=end, size=source.size)
        damaged("truncated", told, source.size)
    elif not defects and end < source.size:
        # Not padding as in other formats: the library refuses a byte that no tensor covers.
        told = say("tensors end at {end}, the file goes on to {size}", end=end, size=source.size)
        damaged("bounds", told, end)


def _tensor(name: str, entry: Any) -> TensorInfo | str:
    """A tensor, or what is wrong with its entry."""
    if not isinstance(entry, dict) or not entry.keys() >= {"dtype", "shape", "data_offsets"}:
        return say("it needs dtype, shape and data_offsets")
    dtype, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in SAFETENSORS:
        return say("there is no element type {dtype}", dtype=repr(dtype)[:50])
    if not isinstance(shape, list) or len(shape) > MOST_RANK or not all(_is_size(size) for size in shape):
        return say("its shape is not a list of sizes")
    if not isinstance(place, list) or len(place) != 2 or not all(_is_size(offset) for offset in place):
        return say("its data_offsets are not two offsets")
    elements = math.prod(shape)
    if elements * SAFETENSORS[dtype].bits % 8:
        return say("{dtype} of shape {shape} ends within a byte", dtype=dtype, shape=str(shape))
    size, needed = place[1] - place[0], SAFETENSORS[dtype].stored(elements)
    if size != needed:
        return say("{dtype} of shape {shape} needs {needed} bytes and has {size}", **_told(dtype, shape, needed, size))
    return TensorInfo(name=name, datatype=dtype, shape=tuple(shape), size=size)


def _told(dtype: str, shape: list[int], needed: int, size: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": str(shape), "needed": needed, "size": size}


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def stored(path: Path) -> Iterator[Stored]:
    """Where its tensors lie."""
    with Source(path) as source:
        header = read_header(source)
        at = 8 + int.from_bytes(source.read(0, 8), "little")
    for tensor in header.tensors:
        yield Stored(tensor.name, SAFETENSORS[tensor.datatype].name, tensor.shape, path, at, tensor.size)
        at += tensor.size


FORMAT = Safetensors()
