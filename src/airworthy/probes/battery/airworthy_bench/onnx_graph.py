"""Writes ONNX models of a few nodes, byte by byte: the `onnx` package need not be installed where they run.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; the encoding is that of
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Union

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10, "float64": 11, "bfloat16": 16}
"""Element types by number."""
IR_VERSION = 8
"""Old enough for every ONNX Runtime since 1.11."""
Attribute = Union[int, float, str, Sequence[int]]


class GraphNode(NamedTuple):
    """One operator."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute] = {}
    domain: str = ""


class GraphTensor(NamedTuple):
    """An input or an output."""

    name: str
    dtype: str
    shape: Sequence[int]


def model(
    nodes: Iterable[GraphNode], inputs: Iterable[GraphTensor], outputs: Iterable[GraphTensor], opsets: Mapping[str, int]
) -> bytes:
    """A model: its nodes in an order in which they can run, its inputs, its outputs, and domain → version."""
    graph = b"".join(_field(1, _node(node)) for node in nodes) + _field(2, b"g")
    graph += b"".join(_field(11, _tensor(each)) for each in inputs)
    graph += b"".join(_field(12, _tensor(each)) for each in outputs)
    versions = b"".join(_field(8, _field(1, domain.encode()) + _number(2, opset)) for domain, opset in opsets.items())
    return _number(1, IR_VERSION) + _field(2, b"airworthy") + _field(7, graph) + versions


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _node(node: GraphNode) -> bytes:
    content = b"".join(_field(1, name.encode()) for name in node.inputs)
    content += b"".join(_field(2, name.encode()) for name in node.outputs)
    content += _field(4, node.operator.encode())
    content += b"".join(_field(5, _attribute(name, value)) for name, value in node.attributes.items())
    return content + (_field(7, node.domain.encode()) if node.domain else b"")


def _attribute(name: str, value: Attribute) -> bytes:
    content = _field(1, name.encode())
    if isinstance(value, float):
        return content + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return content + _number(3, value) + _number(20, 2)
    if isinstance(value, str):
        return content + _field(4, value.encode()) + _number(20, 3)
    return content + b"".join(_number(8, each) for each in value) + _number(20, 7)


def _tensor(tensor: GraphTensor) -> bytes:
    shape = b"".join(_field(1, _number(1, size)) for size in tensor.shape)
    kind = _number(1, TYPES[tensor.dtype]) + _field(2, shape)
    return _field(1, tensor.name.encode()) + _field(2, _field(1, kind))
