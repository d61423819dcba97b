"""A walk through an ONNX file: interface, operators, versions and weights, from the protobuf structure alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from airworthy.artifacts.encodings.datatypes import ONNX
from airworthy.artifacts.encodings.protobuf import BYTES, VARINT, Field, ProtobufError, Wire
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.onnx_values import OnnxTensor, ValueReader, element_of, number_of
from airworthy.core.messages import say
from airworthy.core.model import TensorSpec
from airworthy.core.values import Defect

MOST_TENSORS = 1_000_000
"""Weights whose places are kept."""
MOST_ENTRIES = 10_000
"""Inputs, outputs, operator sets or metadata entries that are kept."""
# ModelProto: field number → wire type. A field outside of this says that a file is something else.
_MODEL_FIELDS = {1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, 7: BYTES, 8: BYTES, 14: BYTES}
_MODEL_FIELDS |= {20: BYTES, 25: BYTES, 26: BYTES}
_NEWEST_IR = 1 << 16


@dataclass
class OnnxContents:
    """What was read of an ONNX file."""

    ir: int = 0
    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    tensors: list[OnnxTensor] = field(default_factory=list)
    initializers: set[str] = field(default_factory=set)
    """Names of the main graph's."""
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)
    count: int = 0
    """Weights: initializers, those of branches, and what constants hold."""
    parameters: int = 0
    weights: Counter[str] = field(default_factory=Counter)
    external: dict[str, int] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    graphs: int = 0


def read_graph(source: Source) -> OnnxContents:
    """What an ONNX file holds; damage is among its defects."""
    reader = OnnxReader(source)
    reader.read_model()
    return reader.graph


def is_model(wire: Wire, size: int) -> bool:
    """Whether a file begins as an ONNX model does: an IR version, and only fields of its own up to a graph."""
    ir = seen = 0
    try:
        for entry in wire.fields(0, size):
            seen += 1
            if _MODEL_FIELDS.get(entry.number) != entry.wire or seen > 1000:
                return False
            if entry.number == 1:
                ir = entry.value
            if entry.number in (2, 3, 4) and (entry.value > 1000 or "\ufffd" in wire.text(entry)):
                return False
            if entry.number in (7, 8):
                return 0 < ir < _NEWEST_IR
    except ProtobufError as error:
        # A file cut within its graph is an ONNX model that was cut.
        return 0 < ir < _NEWEST_IR and seen >= 2 and error.kind == "truncated"
    return False


class OnnxReader(ValueReader):
    """Goes through all graphs of a file once."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.graph = OnnxContents()

    def read_model(self) -> None:
        """Read the file; damage is among the defects of `graph`."""
        graph = self.graph
        try:
            for entry in self.wire.fields(0, self.source.size):
                if entry.number in _MODEL_FIELDS and _MODEL_FIELDS[entry.number] != entry.wire:
                    raise ProtobufError("structure", f"field {entry.number} has wire type {entry.wire}", entry.start)
                try:
                    self.read_model_field(entry)
                except ProtobufError as error:
                    self.add(error)
        except ProtobufError as error:
            self.add(error)
        if not graph.defects:
            for present, what in ((graph.ir, "IR version"), (graph.graphs, "graph"), (graph.opsets, "operator set")):
                if not present:
                    detail = say("the file ends at {size} without {what}", size=self.source.size, what=what)
                    self.defect("truncated", detail, self.source.size)

    def read_model_field(self, entry: Field) -> None:
        """A part of the model."""
        graph = self.graph
        if entry.number == 1:
            graph.ir = min(entry.value, 1 << 31)
        elif entry.number == 2:
            graph.producer = f"{self.wire.text(entry)[:200]} {graph.producer}".strip()
        elif entry.number == 3:
            graph.producer = f"{graph.producer} {self.wire.text(entry)[:200]}".strip()
        elif entry.number == 7:
            graph.graphs += 1
            self.read_graph(entry, 1, main=True)
        elif entry.number == 8:
            domain, version = self.read_opset(entry)
            if len(graph.opsets) < MOST_ENTRIES:
                graph.opsets[domain] = version
        elif entry.number == 14:
            key, value = self.read_pair(entry, 1)
            if len(graph.metadata) < MOST_ENTRIES:
                graph.metadata[key] = value
        elif entry.number == 25:
            self.read_function(entry, 1)

    def read_graph(self, message: Field, depth: int, *, main: bool, prefix: str = "") -> None:
        """A graph; `prefix` is put before the names of the weights of one that lies within a node."""
        inputs: list[TensorSpec] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number == 1:
                self.read_node(entry, depth + 1, prefix)
            elif entry.number == 5:
                self.count(self.read_tensor(entry, depth + 1), main, prefix)
            elif entry.number == 15:
                self.read_sparse(entry, depth + 1, main, prefix)
            elif main and entry.number == 11 and len(inputs) < MOST_ENTRIES:
                inputs.append(self.read_value(entry, depth + 1))
            elif main and entry.number == 12 and len(self.graph.outputs) < MOST_ENTRIES:
                self.graph.outputs.append(self.read_value(entry, depth + 1))
        # Before IR version 4 every initializer was an input as well.
        self.graph.inputs += [spec for spec in inputs if spec.name not in self.graph.initializers]

    def read_function(self, message: Field, depth: int) -> None:
        """A function of the model's own: its nodes."""
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 7 and entry.wire == BYTES:
                self.read_node(entry, depth + 1, "")

    def read_node(self, message: Field, depth: int, prefix: str) -> None:
        """A node with the graphs within it; what a `Constant` holds is a weight like any other."""
        domain = operator = name = output = ""
        held: list[OnnxTensor] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number == 2:
                output = output or self.wire.text(entry)
            elif entry.number == 3:
                name = self.wire.text(entry)[:200]
            elif entry.number == 4:
                operator = self.wire.text(entry)[:200]
            elif entry.number == 7:
                domain = self.wire.text(entry)[:200]
            elif entry.number == 5:
                held += self.read_attribute(entry, depth + 1, f"{prefix}{name or operator or output}/")
        domain = "" if domain == "ai.onnx" else domain
        self.graph.operators[domain, operator] += 1
        for tensor in held:
            if (domain, operator) == ("", "Constant"):
                tensor.name = output
                self.count(tensor, False, prefix)
            else:
                self.check(tensor)

    def read_attribute(self, message: Field, depth: int, prefix: str) -> list[OnnxTensor]:
        """The tensors of an attribute; graphs are read."""
        name = ""
        held: list[OnnxTensor] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number == 1:
                name = self.wire.text(entry)[:200]
            elif entry.number in (6, 11):
                self.read_graph(entry, depth + 1, main=False, prefix=f"{prefix}{name}/")
            elif entry.number in (5, 10):
                held.append(self.read_tensor(entry, depth + 1))
            elif entry.number in (22, 23):
                held += self.sparse_values(entry, depth + 1)
        return held

    def read_sparse(self, message: Field, depth: int, main: bool, prefix: str) -> None:
        """A weight most of whose elements are left out; those that are there are counted."""
        for tensor in self.sparse_values(message, depth):
            self.count(tensor, main, prefix)

    def sparse_values(self, message: Field, depth: int) -> list[OnnxTensor]:
        """The elements that a sparse tensor holds."""
        return [
            self.read_tensor(entry, depth + 1)
            for entry in self.wire.fields(message.start, message.end, depth)
            if entry.number == 1 and entry.wire == BYTES
        ]

    def count(self, tensor: OnnxTensor, main: bool, prefix: str) -> None:
        """Take a tensor for a weight."""
        if main:
            self.graph.initializers.add(tensor.name)
        self.check(tensor)
        element = element_of(tensor.type)
        self.graph.count += 1
        if len(self.graph.tensors) < MOST_TENSORS:
            tensor.name = prefix + tensor.name
            self.graph.tensors.append(tensor)
        self.graph.parameters += tensor.elements
        self.graph.weights[element.name] += element.stored(tensor.elements)

    def check(self, tensor: OnnxTensor) -> None:
        """Compare a tensor with the bytes that it has."""
        stored = element_of(tensor.type).stored(tensor.elements)
        if tensor.external:
            offset, length = (number_of(tensor.external.get(key, "0")) for key in ("offset", "length"))
            location = tensor.external["location"]
            if offset is None or length is None:
                self.defect("structure", say("tensor {name!r} has no readable place in its file", name=tensor.name))
            elif len(self.graph.external) < MOST_ENTRIES:
                end = offset + (length or stored)
                self.graph.external[location] = max(end, self.graph.external.get(location, 0))
        elif tensor.stored is not None and tensor.type in ONNX and tensor.stored != stored:
            detail = say(
                "tensor {name!r} of shape {shape} needs {needed} bytes and has {stored}",
                name=tensor.name[:200],
                shape=str(tensor.shape),
                needed=stored,
                stored=tensor.stored,
            )
            self.defect("bounds", detail)

    def add(self, error: ProtobufError) -> None:
        """Note a field that the format does not define."""
        self.defect(error.kind, error.detail, error.offset)

    def defect(self, kind: str, detail: str, offset: int | None = None) -> None:
        """Note a defect."""
        self.graph.defects.append(Defect(member=self.source.name, kind=kind, detail=detail, offset=offset))
