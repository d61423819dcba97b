"""Pooling behind a graph of token vectors, as ONNX nodes that are appended to the model's bytes.

Protobuf joins the parts of a message that stands twice, so `model + appended(model)` is the model with more nodes and
one output more, and no file is written. Field numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; what the nodes compute is `sentence_transformers`' `Pooling`,
`Dense` and `Normalize` (6.2), for texts that are padded at their end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from airworthy.core.model import ModelInfo
from airworthy.core.sentence import SENTENCE_OUTPUT, SentenceLayer, StoredWeights

_PREFIX = "airworthy/"
_FLOAT, _INT64 = 1, 7
_SMALLEST_COUNT = 1e-9
_SMALLEST_LENGTH = 1e-12
_LOWEST = -3.4028234663852886e38
_GELU = 1.4142135623730951


def appended(model: ModelInfo) -> bytes:
    """What is appended to an ONNX model's bytes; nothing where its graph is served as it is.

    Raises:
        OSError: the weights of a dense layer can't be read.
    """
    if model.pooling is None:
        return b""
    return _Nodes(model).message()


class _Nodes:
    """The nodes, as they are written."""

    def __init__(self, model: ModelInfo) -> None:
        assert model.pooling is not None
        self._pooling = model.pooling
        self._opset = model.versions.get("onnx-opset", 0)
        named = (spec.symbols[0] for spec in model.inputs if spec.name == "attention_mask" and spec.symbols)
        self._batch = next(named, "") or "batch"
        self._parts: list[bytes] = []
        self._count = 0
        tokens = self._node("Cast", [self._pooling.tokens], to=_FLOAT)
        mask = self._node("Cast", ["attention_mask"], to=_FLOAT)
        vectors = [self._pool(mode, tokens, mask) for mode in self._pooling.modes]
        vector = vectors[0] if len(vectors) == 1 else self._node("Concat", vectors, axis=-1)
        for layer in self._pooling.layers:
            vector = self._normalize(vector) if layer.kind == "normalize" else self._dense(vector, layer)
        self._node("Identity", [vector], SENTENCE_OUTPUT)

    def message(self) -> bytes:
        """A `ModelProto` with nothing but a graph."""
        # Under the graph's own name for the batch: axes of two names are two axes to whoever reads it.
        sizes = _message(1, _message(2, self._batch.encode())) + _message(1, _number(1, self._pooling.size))
        kind = _message(2, _message(1, _number(1, _FLOAT) + _message(2, sizes)))
        output = _message(12, _message(1, SENTENCE_OUTPUT.encode()) + kind)
        return _message(7, b"".join(self._parts) + output)

    def _pool(self, mode: str, tokens: str, mask: str) -> str:
        """[batch, sequence, size] and [batch, sequence] to [batch, size]."""
        if mode == "cls":
            return self._node("Gather", [tokens, self._integers([0], scalar=True)], axis=1)
        column = self._unsqueeze(mask)
        if mode == "max":
            away = self._node("Mul", [self._node("Sub", [self._real(1.0), column]), self._real(_LOWEST)])
            return self._reduce("ReduceMax", self._node("Add", [tokens, away]), 1, since=18)
        if mode == "weightedmean":
            places = self._node("CumSum", [column, self._integers([1], scalar=True)])
            column = self._node("Mul", [column, places])
        elif mode == "lasttoken":
            # The running count of tokens is that of all of them only at the last one and on the padding after it.
            whole = self._reduce("ReduceSum", column, 1, since=13, keep=True)
            running = self._node("CumSum", [column, self._integers([1], scalar=True)])
            is_last = self._node("Cast", [self._node("Equal", [running, whole])], to=_FLOAT)
            column = self._node("Mul", [column, is_last])
        summed = self._reduce("ReduceSum", self._node("Mul", [tokens, column]), 1, since=13)
        if mode == "lasttoken":
            return summed
        count = self._reduce("ReduceSum", column, 1, since=13)
        count = self._node("Max", [count, self._real(_SMALLEST_COUNT)])
        return self._node("Div", [summed, self._node("Sqrt", [count]) if mode == "mean_sqrt_len_tokens" else count])

    def _normalize(self, vector: str) -> str:
        length = self._reduce("ReduceL2", vector, -1, since=18, keep=True)
        return self._node("Div", [vector, self._node("Max", [length, self._real(_SMALLEST_LENGTH)])])

    def _dense(self, vector: str, layer: SentenceLayer) -> str:
        assert layer.weight is not None
        turned = self._node("Transpose", [self._stored(layer.weight)])
        made = self._node("MatMul", [vector, turned])
        if layer.bias is not None:
            made = self._node("Add", [made, self._stored(layer.bias)])
        if layer.activation == "GELU":
            error = self._node("Erf", [self._node("Div", [made, self._real(_GELU)])])
            half = self._node("Mul", [made, self._real(0.5)])
            return self._node("Mul", [half, self._node("Add", [error, self._real(1.0)])])
        operator = {"Tanh": "Tanh", "ReLU": "Relu", "Sigmoid": "Sigmoid"}.get(layer.activation, "Identity")
        return self._node(operator, [made])

    def _unsqueeze(self, value: str) -> str:
        """[batch, sequence] to [batch, sequence, 1]."""
        if self._opset >= 13:
            return self._node("Unsqueeze", [value, self._integers([2])])
        return self._node("Unsqueeze", [value], axes=[2])

    def _reduce(self, operator: str, value: str, axis: int, *, since: int, keep: bool = False) -> str:
        """A reduction over one axis, which is an input from an operator set on and an attribute before."""
        if self._opset >= since:
            return self._node(operator, [value, self._integers([axis])], keepdims=int(keep))
        return self._node(operator, [value], axes=[axis], keepdims=int(keep))

    def _node(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: int | Sequence[int]) -> str:
        output = output or self._name()
        content = b"".join(_message(1, name.encode()) for name in inputs) + _message(2, output.encode())
        content += _message(3, f"{_PREFIX}{operator}/{len(self._parts)}".encode()) + _message(4, operator.encode())
        for name, value in attributes.items():
            if isinstance(value, int):
                told = _number(3, value) + _number(20, 2)
            else:
                told = b"".join(_number(8, each) for each in value) + _number(20, 7)
            content += _message(5, _message(1, name.encode()) + told)
        self._parts.append(_message(1, content))
        return output

    def _name(self) -> str:
        self._count += 1
        return f"{_PREFIX}{self._count}"

    def _tensor(self, kind: int, shape: Sequence[int], raw: bytes) -> str:
        name = self._name()
        content = b"".join(_number(1, size) for size in shape) + _number(2, kind)
        self._parts.append(_message(5, content + _message(8, name.encode()) + _message(9, raw)))
        return name

    def _real(self, value: float) -> str:
        return self._tensor(_FLOAT, (), struct.pack("<f", value))

    def _integers(self, values: Sequence[int], *, scalar: bool = False) -> str:
        return self._tensor(_INT64, () if scalar else (len(values),), struct.pack(f"<{len(values)}q", *values))

    def _stored(self, weights: StoredWeights) -> str:
        with Path(weights.path).open("rb") as file:
            file.seek(weights.offset)
            raw = file.read(weights.size)
        if len(raw) < weights.size:
            raise OSError(f"{weights.path} is too short")
        return self._tensor(_FLOAT, weights.shape, raw)


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content
