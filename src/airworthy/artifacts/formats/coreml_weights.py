"""How many weights a Core ML model has: those of a neural network's layers, and the constants of an ML program.

Field numbers are those of NeuralNetwork.proto and MIL.proto in
https://github.com/apple/coremltools/tree/main/mlmodel/format. Weights are stepped over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from airworthy.artifacts.encodings.datatypes import ElementType
from airworthy.artifacts.encodings.protobuf import BYTES, FIXED32, VARINT, Field, Wire

# Layer → fields that lead to its weights; None at their end.
_Places = Mapping[int, Any]
_ACTIVATION: _Places = {25: {1: None}, 71: {1: None, 2: None}}
_LSTM: _Places = dict.fromkeys((1, 2, 3, 4, 20, 21, 22, 23, 40, 41, 42, 43, 60, 61, 62))
_LAYERS: _Places = {
    100: {90: None, 91: None},
    130: _ACTIVATION,
    140: {20: None, 21: None},
    150: {20: None, 21: None},
    160: dict.fromkeys((15, 16, 17, 18)),
    245: {2: None, 5: None},
    250: {2: None},
    290: {2: None},
    400: {10: _ACTIVATION, **dict.fromkeys((30, 31, 32))},
    410: {10: _ACTIVATION, **dict.fromkeys((30, 31, 32, 50, 51, 52, 70, 71, 72))},
    420: {10: _ACTIVATION, 20: _LSTM},
    430: {10: _ACTIVATION, 11: _ACTIVATION, 20: _LSTM},
    500: {20: None},
    1040: {20: None, 21: None},
    1045: {8: None, 9: None},
    1070: {2: None},
    1350: {3: None, 4: None},
    1471: {60: None, 61: None},
}
NETWORKS = (303, 403, 500)
"""Kinds of models that are neural networks, by their field."""
PIPELINES: dict[int, tuple[int, ...]] = {200: (1, 1), 201: (1, 1), 202: (1,)}
"""Kinds of models that are made of others → the fields that lead to these."""
_PROGRAM_TYPES = {
    1: ElementType("BOOL", 8),
    10: ElementType("FP16", 16),
    11: ElementType("FP32", 32),
    12: ElementType("FP64", 64),
    13: ElementType("BF16", 16),
    21: ElementType("INT8", 8),
    22: ElementType("INT16", 16),
    23: ElementType("INT32", 32),
    24: ElementType("INT64", 64),
    25: ElementType("INT4", 4),
    31: ElementType("UINT8", 8),
    32: ElementType("UINT16", 16),
    33: ElementType("UINT32", 32),
    34: ElementType("UINT64", 64),
    35: ElementType("UINT4", 4),
    36: ElementType("UINT2", 2),
    37: ElementType("UINT1", 1),
    38: ElementType("UINT6", 6),
    39: ElementType("UINT3", 3),
    40: ElementType("FLOAT8E4M3FN", 8),
    41: ElementType("FLOAT8E5M2", 8),
}


class WeightCount:
    """Weights that were found so far."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.parameters = 0
        self.tensors = 0
        self.datatypes: Counter[str] = Counter()

    def model(self, message: Field, depth: int) -> None:
        """A model within a pipeline."""
        for entry in self._messages(message, depth):
            self.kind(entry, depth + 1)

    def kind(self, entry: Field, depth: int) -> None:
        """What a field of a model holds: a network's layers, or other models."""
        if entry.number in NETWORKS:
            for layer in self._messages(entry, depth):
                if layer.number == 1:
                    self._walk(layer, _LAYERS, depth + 1)
        elif entry.number in PIPELINES:
            found = [entry]
            for number in PIPELINES[entry.number]:
                depth += 1
                found = [each for outer in found for each in self._messages(outer, depth) if each.number == number]
            for inner in found:
                self.model(inner, depth + 1)

    def _messages(self, message: Field, depth: int) -> Iterator[Field]:
        return (entry for entry in self.wire.fields(message.start, message.end, depth) if entry.wire == BYTES)

    def _walk(self, message: Field, places: _Places, depth: int) -> None:
        for entry in self._messages(message, depth):
            if entry.number in places:
                inner = places[entry.number]
                if inner is None:
                    self._weights(entry, depth + 1)
                else:
                    self._walk(entry, inner, depth + 1)

    def _weights(self, message: Field, depth: int) -> None:
        """A layer's weights, in one of four ways of storing them."""
        raw, bits, single, half, integers = 0, 8, 0, 0, 0
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1:
                single += entry.value // 4 if entry.wire == BYTES else int(entry.wire == FIXED32)
            elif entry.wire == BYTES and entry.number in (2, 30, 31):
                half += entry.value // 2 if entry.number == 2 else 0
                raw += entry.value if entry.number == 30 else 0
                integers += entry.value if entry.number == 31 else 0
            elif entry.wire == BYTES and entry.number == 40:
                for part in self.wire.fields(entry.start, entry.end, depth + 1):
                    bits = part.value if part.number == 1 and part.wire == VARINT and 0 < part.value <= 8 else bits
        for name, width, elements in (
            ("FP32", 32, single),
            ("FP16", 16, half),
            (f"UINT{bits}", bits, raw * 8 // bits),
            ("INT8", 8, integers),
        ):
            if elements:
                self._add(ElementType(name, width), elements)

    def operation(self, message: Field, depth: int) -> None:
        """An operation of a program: the values among its attributes that are weights."""
        for attribute in self._messages(message, depth):
            if attribute.number == 5:
                for entry in self._messages(attribute, depth + 1):
                    if entry.number == 2:
                        self._value(entry, depth + 2)

    def _value(self, message: Field, depth: int) -> None:
        """A value: a weight if its numbers lie in a file of their own, or are a list of floats in the program."""
        element, elements, stored, rank = ElementType("", 0), 1, "", 0
        for entry in self._messages(message, depth):
            if entry.number in (3, 5):
                stored = "file" if entry.number == 5 else "here"
            elif entry.number == 2:
                for kind in self._messages(entry, depth + 1):
                    if kind.number == 1:
                        element, elements, rank = self._tensor_type(kind, depth + 2)
        listed = rank and elements > 1 and element.name in ("FP16", "FP32", "FP64", "BF16")
        if element.bits and (stored == "file" or (stored == "here" and listed)):
            self._add(element, elements)

    def _tensor_type(self, message: Field, depth: int) -> tuple[ElementType, int, int]:
        element, elements, rank = ElementType("", 0), 1, 0
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == VARINT:
                element = _PROGRAM_TYPES.get(entry.value, element)
            elif entry.number == 3 and entry.wire == BYTES:
                rank += 1
                elements *= self._size(entry, depth + 1)
        return element, elements, rank

    def _size(self, message: Field, depth: int) -> int:
        for entry in self._messages(message, depth):
            if entry.number == 1:
                sizes = [each.value for each in self.wire.fields(entry.start, entry.end, depth + 1) if each.number == 1]
                return sizes[0] if sizes else 0
        return 0

    def _add(self, element: ElementType, elements: int) -> None:
        self.tensors += 1
        self.parameters += elements
        self.datatypes[element.name] += element.stored(elements)
