"""A safetensors header of very many tensors, kept as it was written with a few numbers for each.

An object for each of a million tensors takes several times the header; here one is made when it is requested.
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import msgspec

from airworthy.core.messages import say
from airworthy.core.model import TensorInfo

# An entry's value has no braces within it: what has is no entry. A text has no control characters.
_TEXT = rb'"((?:[^"\\\x00-\x1f]|\\.)*)"'
_SPACE = rb"[ \t\r\n]*"
_ENTRY = re.compile(_SPACE + _TEXT + _SPACE + rb":" + _SPACE + rb"(\{[^{}]*\}|\{)")
_BLANK = re.compile(_SPACE)
_COLON = re.compile(rb'"' + _SPACE + rb":" + _SPACE)
_AFTER = re.compile(_SPACE + rb"([,}])")
_METADATA = b"__metadata__"
MAX_OFFSET = 1 << 63
"""What offsets stay below."""

Judge = Callable[[str, Any], "TensorInfo | str"]
"""Gives a tensor, or what is wrong with the entry of a name."""


class _Entry(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: list[int]


_decode = msgspec.json.Decoder(_Entry).decode


class Tensors(Sequence[TensorInfo]):
    """The tensors of a header in the order of their bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._names, self._lengths, self._starts, self._sizes = array("Q"), array("Q"), array("Q"), array("Q")
        self._kinds = array("L")
        self._shapes: list[tuple[str, tuple[int, ...]]] = []
        self.known: dict[tuple[object, ...], tuple[int, int]] = {}
        """By type and sizes: the number of the kind, and the bytes of a tensor of it."""
        self._order: Sequence[int] = range(0)

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> TensorInfo: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TensorInfo]: ...
    def __getitem__(self, index: int | slice) -> TensorInfo | Sequence[TensorInfo]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        at = self._order[index]
        datatype, shape = self._shapes[self._kinds[at]]
        return TensorInfo(self._name(at), datatype, shape, self._sizes[at])

    def places(self) -> Iterator[tuple[int, int]]:
        """Where tensors begin, counted from the header's end, and their bytes."""
        return ((self._starts[at], self._sizes[at]) for at in self._order)

    def kinds(self) -> Iterator[tuple[str, tuple[int, ...], int]]:
        """Types and sizes with the number of tensors that have them."""
        for number, count in Counter(self._kinds).items():
            datatype, shape = self._shapes[number]
            yield datatype, shape, count

    def _name(self, at: int) -> str:
        return _text(self._raw[self._names[at] : self._names[at] + self._lengths[at]])

    def of(self, tensor: TensorInfo) -> int:
        """The number of a tensor's kind."""
        number = len(self._shapes)
        key = (tensor.datatype, *tensor.shape)
        self.known[key] = (number, tensor.size)
        self._shapes.append((tensor.datatype, tensor.shape))
        return number

    def add(self, at: int, length: int, start: int, kind: int, size: int) -> None:
        """Add a tensor of a kind whose name is written at a place of the header."""
        self._names.append(at)
        self._lengths.append(length)
        self._starts.append(start)
        self._sizes.append(size)
        self._kinds.append(kind)

    def sort(self) -> None:
        """Bring them into the order of their bytes."""
        count = len(self)
        self._order = range(count)
        if any(self._starts[i] > self._starts[i + 1] for i in range(count - 1)):
            self._order = array("L", sorted(range(count), key=lambda i: (self._starts[i], self._sizes[i])))


class Parsed:
    """What such a header holds."""

    def __init__(self, raw: bytes) -> None:
        self.tensors = Tensors(raw)
        """Its tensors."""
        self.metadata: Any = {}
        """What stands under `__metadata__`, whatever it is."""
        self.problems: list[str] = []
        """What is wrong with single entries."""


def parse(raw: bytes, judge: Judge, most_problems: int) -> Parsed:
    """Read a header entry by entry.

    Args:
        raw: the header.
        judge: makes a tensor of an entry, given as a table.
        most_problems: how many wrong entries are reported.

    Raises:
        ValueError: it is not JSON, or not a table of tables.
        KeyError: a name is there twice; the error's argument is the name.
    """
    found = Parsed(raw)
    seen = array("q")
    at = 1
    blank = _BLANK.match(raw, at)
    if blank and raw[blank.end() : blank.end() + 1] == b"}":
        at = _ended(raw, blank.end() + 1)
    elif len(raw) <= at:
        raise ValueError(say("it breaks off"))
    add, known, match = found.tensors.add, found.tensors.known, _ENTRY.match
    while at < len(raw):
        entry = match(raw, at)
        if entry is None:
            raise ValueError(say("no name and table of a tensor at byte {at}", at=at))
        written, begin, end = entry[1], entry.start(1), entry.end()
        name = _text(written)
        seen.append(hash(name))
        if written == _METADATA:
            found.metadata, end = _metadata(raw, entry.end(1))
        else:
            plain = _plain(entry[2])
            place = plain and plain.data_offsets
            kind = known.get((plain.dtype, *plain.shape)) if plain else None
            # Most are of a type and shape that was judged before: only their place is new.
            if (
                kind is not None
                and place
                and len(place) == 2
                and 0 <= place[0] < MAX_OFFSET
                and place[1] - place[0] == kind[1]
            ):
                add(begin, len(written), place[0], kind[0], kind[1])
            else:
                tensor = judge(name, _table(plain))
                if isinstance(tensor, TensorInfo) and plain is not None:
                    number = found.tensors.of(tensor)
                    add(begin, len(written), plain.data_offsets[0], number, tensor.size)
                elif isinstance(tensor, str) and len(found.problems) < most_problems:
                    found.problems.append(say("tensor {name!r}: {problem}", name=name[:200], problem=tensor))
        after = _AFTER.match(raw, end)
        if after is None:
            raise ValueError(say("neither a comma nor the end at byte {at}", at=end))
        at = after.end() if after[1] == b"," else _ended(raw, after.end())
        if after[1] == b"," and at >= len(raw):
            raise ValueError(say("it breaks off"))
    _look_for_twins(found.tensors, seen)
    found.tensors.sort()
    return found


def _ended(raw: bytes, at: int) -> int:
    """The header's end, where nothing but spaces follows."""
    if raw[at:].strip(b" \t\r\n"):
        raise ValueError(say("more follows its end at byte {at}", at=at))
    return len(raw)


def _text(raw: bytes) -> str:
    if b"\\" in raw:
        try:
            return msgspec.json.decode(b'"' + raw + b'"', type=str)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None
    return raw.decode("utf-8")


def _plain(raw: bytes) -> _Entry | None:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _table(entry: _Entry | None) -> dict[str, Any] | None:
    return None if entry is None else {"dtype": entry.dtype, "shape": entry.shape, "data_offsets": entry.data_offsets}


def _metadata(raw: bytes, at: int) -> tuple[Any, int]:
    """The value at a place and where it ends: mostly short, so it is looked for in ever longer pieces."""
    colon = _COLON.match(raw, at)
    at = colon.end() if colon else at
    length = 64 * 1024
    while True:
        try:
            text = raw[at : at + length].decode("utf-8", "ignore")
            value, end = json.JSONDecoder().raw_decode(text)
            return value, at + len(text[:end].encode())
        except ValueError:  # noqa: PERF203 - few turns
            if at + length >= len(raw):
                raise
            length *= 8


def _look_for_twins(tensors: Tensors, seen: array[int]) -> None:
    last = None
    alike = set()
    for each in sorted(seen):
        if each == last:
            alike.add(each)
        last = each
    if not alike:
        return
    names: set[str] = set()
    for index in range(len(tensors)):
        name = tensors._name(index)  # noqa: SLF001 - of this file
        if hash(name) in alike:
            if name in names:
                raise KeyError(name)
            names.add(name)
    if hash(_METADATA.decode()) in alike:
        raise KeyError(_METADATA.decode())
