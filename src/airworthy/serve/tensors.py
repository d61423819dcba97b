"""Tensors as bytes with a type and a shape: what the gateway handles without an array library.

Data is little-endian and row-major, as the Open Inference Protocol's binary extension has it.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say

Buffer = Union[bytes, bytearray, memoryview]

BYTE_WIDTH = {
    "BOOL": 1,
    "UINT8": 1,
    "UINT16": 2,
    "UINT32": 4,
    "UINT64": 8,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "FP16": 2,
    "BF16": 2,
    "FP32": 4,
    "FP64": 8,
}
"""Bytes an element; `BYTES` elements have their own lengths and are not here."""

_TYPECODES = {
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP32": "f",
    "FP64": "d",
}
FLOATS = frozenset({"FP16", "BF16", "FP32", "FP64"})
"""Element types that can hold NaN and infinity."""

if sys.byteorder != "little":  # pragma: no cover - no machine that runs models is
    raise ImportError("the wire format is little-endian and so must this machine be")


class BadTensor(AirworthyError):
    """A tensor whose parts do not fit each other or the model."""

    code = "invalid-tensor"
    message = "input {name!r}: {problem}"


class TensorMeta(msgspec.Struct, frozen=True, array_like=True):
    """A tensor without its data."""

    name: str
    """Its name in the model."""
    datatype: str
    """Element type, one of `core.model.DATATYPES`."""
    shape: tuple[int, ...]
    """Its sizes; the first is the batch."""
    size: int
    """Bytes of its data."""


class Tensor(NamedTuple):
    """A tensor with its data."""

    meta: TensorMeta
    """Name, type, shape."""
    data: Buffer
    """The elements."""


def element_count(shape: Sequence[int]) -> int:
    """How many elements a shape holds."""
    return math.prod(shape)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as people write it, `[-1, 64]`."""
    return f"[{', '.join(map(str, shape))}]"


def pack(name: str, datatype: str, values: Any, count: int) -> bytes:
    """JSON values, flat or nested row by row, as data.

    Args:
        name: the tensor's name, for the message.
        datatype: the element type.
        values: a list of numbers, booleans or strings, possibly nested.
        count: how many elements the shape holds.

    Raises:
        BadTensor: the count or the kind of the values doesn't fit.
    """
    flat = values if isinstance(values, list) else [values]
    if flat and isinstance(flat[0], list):
        flat = list(_flatten(flat))
    if len(flat) != count:
        problem = say("its shape holds {count} values and {given} were given", count=count, given=len(flat))
        raise BadTensor(name=name, problem=problem)
    try:
        if datatype == "BYTES":
            return pack_strings(value.encode() for value in flat)
        if datatype == "BOOL":
            return bytes(map(_boolean, flat))
        if datatype == "FP16":
            return struct.pack(f"<{count}e", *flat)
        if datatype == "BF16":
            return _to_bf16(array("f", flat))
        return array(_TYPECODES[datatype], flat).tobytes()
    except (TypeError, OverflowError, AttributeError, struct.error) as error:
        problem = say("the values are not all {datatype} ({error})", datatype=datatype, error=error)
        raise BadTensor(name=name, problem=problem) from None


def _to_bf16(values: array[float]) -> bytes:
    """The upper halves of FP32 numbers, rounded to the nearest, ties to even."""
    bits = array("I", values.tobytes())
    halves = (
        0x7FC0 if math.isnan(v) else (b + 0x7FFF + ((b >> 16) & 1)) >> 16 for v, b in zip(values, bits, strict=True)
    )
    return array("H", halves).tobytes()


def _boolean(value: Any) -> int:
    if value is True or value is False or value in (0, 1):
        return int(value)
    raise TypeError(say("{value!r} is not a boolean", value=value))


def _flatten(values: Iterable[Any], depth: int = 0) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list) and depth < 32:
            yield from _flatten(value, depth + 1)
        else:
            yield value


def unpack(datatype: str, data: Buffer) -> list[Any]:
    """Data as a flat list of JSON values.

    Raises:
        ValueError: strings that are no UTF-8, or data that is cut short.
    """
    view = memoryview(data).cast("B")
    if datatype == "BYTES":
        return [bytes(item).decode() for item in iterate_strings(view)]
    if datatype == "BOOL":
        return [bool(value) for value in view]
    if datatype == "FP16":
        return list(struct.unpack(f"<{len(view) // 2}e", view))
    if datatype == "BF16":
        wide = bytearray(2 * len(view))
        wide[2::4], wide[3::4] = view[0::2], view[1::2]
        return array("f", bytes(wide)).tolist()
    values: array[Any] = array(_TYPECODES[datatype])
    values.frombytes(view)
    return values.tolist()


def pack_strings(items: Iterable[bytes]) -> bytes:
    """Strings as data: each behind its length in four bytes."""
    return b"".join(part for item in items for part in (struct.pack("<I", len(item)), item))


def iterate_strings(view: memoryview) -> Iterable[memoryview]:
    """The strings of `BYTES` data.

    Raises:
        ValueError: the data ends inside a string.
    """
    position = 0
    while position < len(view):
        if position + 4 > len(view):
            raise ValueError("BYTES data ends inside a length")
        (length,) = struct.unpack_from("<I", view, position)
        position += 4
        if position + length > len(view):
            raise ValueError("BYTES data ends inside a string")
        yield view[position : position + length]
        position += length


def check_size(meta: TensorMeta) -> None:
    """Check a tensor's data against its shape.

    Raises:
        BadTensor: they disagree.
    """
    width = BYTE_WIDTH.get(meta.datatype)
    if width is not None and meta.size != element_count(meta.shape) * width:
        problem = say(
            "shape {shape} of {datatype} takes {wanted} bytes and {given} were sent",
            shape=shape_text(meta.shape),
            datatype=meta.datatype,
            wanted=element_count(meta.shape) * width,
            given=meta.size,
        )
        raise BadTensor(name=meta.name, problem=problem)


def check_strings(name: str, shape: Sequence[int], data: Buffer) -> None:
    """Hold `BYTES` data against its shape.

    Raises:
        BadTensor: the data ends inside a string, or holds another number of them.
    """
    count = 0
    try:
        for _ in iterate_strings(memoryview(data).cast("B")):
            count += 1
    except ValueError as error:
        raise BadTensor(name=name, problem=str(error)) from None
    if count != element_count(shape):
        wanted = element_count(shape)
        problem = say("its shape holds {wanted} values and {given} were given", wanted=wanted, given=count)
        raise BadTensor(name=name, problem=problem)


def is_finite(datatype: str, data: Buffer) -> bool:
    """Whether floating-point data holds neither NaN nor infinity; True for other types.

    A sum is finite only if every term is, unless finite terms overflow it; then they are checked one by one.
    """
    if datatype not in FLOATS:
        return True
    if datatype in ("FP16", "BF16"):
        values = unpack(datatype, data)
        return all(map(math.isfinite, values))
    view = memoryview(data).cast("B")
    if len(view) % BYTE_WIDTH[datatype]:
        return True
    numbers = view.cast("f") if datatype == "FP32" else view.cast("d")
    return math.isfinite(sum(numbers)) or all(map(math.isfinite, numbers))
