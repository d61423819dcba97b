"""The parts of an ONNX file that say what values are: tensors with their places, and types with their sizes.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Weights are stepped over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from airworthy.artifacts.encodings.datatypes import ONNX, ElementType
from airworthy.artifacts.encodings.protobuf import BYTES, VARINT, Field, ProtobufError, Wire, signed
from airworthy.artifacts.encodings.source import Source
from airworthy.core.model import ANY_RANK, TensorSpec

MOST_RANK = 64
"""Axes of one tensor."""
MOST_TYPES = 16
"""Types within types that are named: a sequence of maps of texts to tensors."""
_EXTERNAL = 1
# TypeProto: field → the kind of value, for those that are no tensors.
_VALUE_KINDS = {4: "SEQUENCE", 5: "MAP", 7: "OPAQUE", 8: "SPARSE", 9: "OPTIONAL"}

ValueType = tuple[str, tuple[int, ...], tuple[str, ...]]
"""Element type, sizes and their names."""


@dataclass
class OnnxTensor:
    """A stored tensor: its place, or how its elements are kept."""

    name: str = ""
    shape: list[int] = field(default_factory=list)
    type: int = 0
    stored: int | None = None
    at: int = 0
    packed: int | None = None
    external: dict[str, str] = field(default_factory=dict)

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


class ValueReader:
    """Reads tensors and types of values at their places in a file."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.wire = Wire(source)

    def read_opset(self, message: Field) -> tuple[str, int]:
        """An operator set and its version."""
        domain, version = "", 0
        for entry in self.wire.fields(message.start, message.end, 1):
            if entry.number == 1 and entry.wire == BYTES:
                domain = self.wire.text(entry)
            elif entry.number == 2 and entry.wire == VARINT:
                version = signed(entry.value)
        return ("" if domain == "ai.onnx" else domain), version

    def read_pair(self, message: Field, depth: int) -> tuple[str, str]:
        """A key and its value."""
        key = value = ""
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == BYTES:
                key = self.wire.text(entry)
            elif entry.number == 2 and entry.wire == BYTES:
                value = self.wire.text(entry)
        return key, value

    def read_tensor(self, message: Field, depth: int) -> OnnxTensor:
        """A tensor; its elements are stepped over."""
        tensor = OnnxTensor()
        external = False
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire in (VARINT, BYTES):
                tensor.shape += self.wire.varints(entry, MOST_RANK)
            elif entry.number == 2 and entry.wire == VARINT:
                tensor.type = entry.value
            elif entry.number == 8 and entry.wire == BYTES:
                tensor.name = self.wire.text(entry)
            elif entry.number == 9 and entry.wire == BYTES:
                tensor.stored, tensor.at = entry.value, entry.start
            elif entry.number in (4, 10) and entry.wire == BYTES:  # 32- and 64-bit floats, one after the other
                tensor.packed, tensor.at = entry.value, entry.start
            elif entry.number == 13 and entry.wire == BYTES:
                key, value = self.read_pair(entry, depth + 1)
                tensor.external[key] = value
            elif entry.number == 14 and entry.wire == VARINT:
                external = entry.value == _EXTERNAL
        if len(tensor.shape) > MOST_RANK or any(size < 0 for size in tensor.shape):
            raise ProtobufError("structure", f"tensor {tensor.name!r} has sizes that no tensor has", message.start)
        if not external:
            tensor.external = {}
        elif not tensor.external.get("location"):
            raise ProtobufError("structure", f"tensor {tensor.name!r} lies in a file without a name", message.start)
        return tensor

    def read_value(self, message: Field, depth: int) -> TensorSpec:
        """An input, an output or a value between nodes."""
        name = ""
        kind: ValueType = ("", (-1,), ANY_RANK)
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == BYTES:
                name = self.wire.text(entry)
            elif entry.number == 2 and entry.wire == BYTES:
                kind = self.read_type(entry, depth + 1)
        return TensorSpec(name, *kind)

    def read_type(self, message: Field, depth: int) -> ValueType:
        """A type: that of a tensor with its sizes, `SEQUENCE(FP32)`, `MAP(INT64,FP32)`, `OPTIONAL(SEQUENCE(FP32))`."""
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire == BYTES and entry.number == 1:
                return self.read_tensor_type(entry, depth + 1)
            if entry.wire == BYTES and entry.number in _VALUE_KINDS:
                kind = _VALUE_KINDS[entry.number]
                parts = self.read_parts(entry, kind, depth + 1)
                return (f"{kind}({','.join(parts)})" if parts else kind), (-1,), ANY_RANK
        return "", (-1,), ANY_RANK

    def read_parts(self, message: Field, kind: str, depth: int) -> list[str]:
        """The types that a type is made of, as far as they are said."""
        if kind == "OPAQUE" or depth > MOST_TYPES * 2:
            return []
        parts: list[str] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == VARINT:  # a key's type, or that of a sparse tensor's elements
                parts.append(element_of(entry.value).name)
            elif entry.wire == BYTES and entry.number == (2 if kind == "MAP" else 1) and kind != "SPARSE":
                parts.append(self.read_type(entry, depth + 1)[0])
        return [each for each in parts if each]

    def read_tensor_type(self, message: Field, depth: int) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
        """The type of a tensor, its sizes and their names."""
        element = 0
        axes: list[tuple[int, str]] | None = None
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == VARINT:
                element = entry.value
            elif entry.number == 2 and entry.wire == BYTES:
                axes = list(self.read_axes(entry, depth + 1))
        if axes is None:
            return element_of(element).name, (-1,), ANY_RANK
        symbols = tuple(symbol for _, symbol in axes)
        return element_of(element).name, tuple(size for size, _ in axes), symbols if any(symbols) else ()

    def read_axes(self, message: Field, depth: int) -> Iterator[tuple[int, str]]:
        """Sizes, -1 for one that varies, with their names."""
        for count, axis in enumerate(self.wire.fields(message.start, message.end, depth)):
            if axis.number != 1 or axis.wire != BYTES:
                continue
            if count >= MOST_RANK:
                raise ProtobufError("structure", f"a value of more than {MOST_RANK} axes", message.start)
            size, symbol = -1, ""
            for entry in self.wire.fields(axis.start, axis.end, depth + 1):
                if entry.number == 1 and entry.wire == VARINT:
                    size, symbol = max(signed(entry.value), -1), ""
                elif entry.number == 2 and entry.wire == BYTES:
                    size, symbol = -1, self.wire.text(entry)[:200]
            yield size, symbol


def element_of(number: int) -> ElementType:
    """An element type by its number in TensorProto.DataType."""
    return ONNX.get(number, ElementType(f"ONNX-{number}", 0))


def number_of(text: str) -> int | None:
    """An offset or a length as external data writes it; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
