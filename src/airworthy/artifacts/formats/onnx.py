"""ONNX: the graph's interface, operators, versions and weights, from the protobuf structure alone.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Weights are stepped over.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from airworthy.artifacts.configuration.companions import Companions, find_companions
from airworthy.artifacts.encodings.datatypes import ONNX, ElementType
from airworthy.artifacts.encodings.protobuf import BYTES, VARINT, Field, ProtobufError, Wire, signed
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.onnx_external import external_file, why_outside
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, inspect_stand_in
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, Inspection, ModelInfo, Operator, TensorSpec
from airworthy.core.values import Defect, FormatVersion

MOST_RANK = 64
"""Axes of one tensor."""
MOST_TENSORS = 1_000_000
"""Weights whose places are kept."""
MOST_ENTRIES = 10_000
"""Inputs, outputs, operator sets or metadata entries that are kept."""
# ModelProto: field number → wire type. A field outside of this says that a file is something else.
_MODEL_FIELDS = {1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, 7: BYTES, 8: BYTES, 14: BYTES}
_MODEL_FIELDS |= {20: BYTES, 25: BYTES, 26: BYTES}
_NEWEST_IR = 1 << 16
_EXTERNAL = 1
_VALUE_KINDS = {4: "SEQUENCE", 5: "MAP", 7: "OPAQUE", 8: "SPARSE", 9: "OPTIONAL"}


@dataclass
class _Tensor:
    name: str = ""
    shape: list[int] = field(default_factory=list)
    type: int = 0
    stored: int | None = None
    at: int = 0
    packed: int | None = None
    external: dict[str, str] = field(default_factory=dict)

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass
class OnnxContents:
    """What was read of an ONNX file."""

    ir: int = 0
    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    tensors: list[_Tensor] = field(default_factory=list)
    initializers: set[str] = field(default_factory=set)
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)
    parameters: int = 0
    weights: Counter[str] = field(default_factory=Counter)
    external: dict[str, int] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    graphs: int = 0


class Onnx:
    """The format."""

    name = "onnx"
    suffixes: tuple[str, ...] = (".onnx",)
    folder = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the bytes begin as an ONNX model does: an IR version, and only fields of its own up to a graph."""
        if head[:1] != b"\x08":
            return False
        try:
            with Source(path) as source:
                return _is_model(Wire(source), source.size)
        except OSError:
            return False

    def inspect(self, path: Path) -> Inspection:
        """Read the structure; weights and external data are not read."""
        with Source(path) as source:
            stand_in = inspect_stand_in(path, source.read(0, POINTER_LIMIT * 8), self.name)
            if stand_in is not None:
                return stand_in
            graph = read_graph(source)
        return _build_inspection(path, graph, self.recognises(path, b"\x08"))


def read_graph(source: Source) -> OnnxContents:
    """What an ONNX file holds; damage is among its defects."""
    reader = _OnnxReader(source)
    reader.read_model()
    return reader.graph


def _is_model(wire: Wire, size: int) -> bool:
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


class _OnnxReader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.wire = Wire(source)
        self.graph = OnnxContents()

    def read_model(self) -> None:
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

    def read_opset(self, message: Field) -> tuple[str, int]:
        domain, version = "", 0
        for entry in self.wire.fields(message.start, message.end, 1):
            if entry.number == 1 and entry.wire == BYTES:
                domain = self.wire.text(entry)
            elif entry.number == 2 and entry.wire == VARINT:
                version = signed(entry.value)
        return ("" if domain == "ai.onnx" else domain), version

    def read_pair(self, message: Field, depth: int) -> tuple[str, str]:
        key = value = ""
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == BYTES:
                key = self.wire.text(entry)
            elif entry.number == 2 and entry.wire == BYTES:
                value = self.wire.text(entry)
        return key, value

    def read_graph(self, message: Field, depth: int, *, main: bool) -> None:
        inputs: list[TensorSpec] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number == 1:
                self.read_node(entry, depth + 1)
            elif entry.number == 5:
                self.count(self.read_tensor(entry, depth + 1), main)
            elif entry.number == 15:
                self.read_sparse(entry, depth + 1, main)
            elif main and entry.number == 11 and len(inputs) < MOST_ENTRIES:
                inputs.append(self.read_value(entry, depth + 1))
            elif main and entry.number == 12 and len(self.graph.outputs) < MOST_ENTRIES:
                self.graph.outputs.append(self.read_value(entry, depth + 1))
        # Before IR version 4 every initializer was an input as well.
        self.graph.inputs += [spec for spec in inputs if spec.name not in self.graph.initializers]

    def read_function(self, message: Field, depth: int) -> None:
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 7 and entry.wire == BYTES:
                self.read_node(entry, depth + 1)

    def read_node(self, message: Field, depth: int) -> None:
        domain = name = ""
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number == 4:
                name = self.wire.text(entry)[:200]
            elif entry.number == 7:
                domain = self.wire.text(entry)[:200]
            elif entry.number == 5:
                self.read_attribute(entry, depth + 1)
        self.graph.operators["" if domain == "ai.onnx" else domain, name] += 1

    def read_attribute(self, message: Field, depth: int) -> None:
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number in (6, 11):
                self.read_graph(entry, depth + 1, main=False)
            elif entry.number in (5, 10):
                self.check(self.read_tensor(entry, depth + 1))

    def read_sparse(self, message: Field, depth: int, main: bool) -> None:
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == BYTES:
                self.count(self.read_tensor(entry, depth + 1), main)

    def read_tensor(self, message: Field, depth: int) -> _Tensor:
        tensor = _Tensor()
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

    def count(self, tensor: _Tensor, main: bool) -> None:
        if main:
            self.graph.initializers.add(tensor.name)
        self.check(tensor)
        element = _element(tensor.type)
        stored = element.stored(tensor.elements)
        if main and len(self.graph.tensors) < MOST_TENSORS:
            self.graph.tensors.append(tensor)
        self.graph.parameters += tensor.elements
        self.graph.weights[element.name] += stored

    def check(self, tensor: _Tensor) -> None:
        stored = _element(tensor.type).stored(tensor.elements)
        if tensor.external:
            offset, length = (_number(tensor.external.get(key, "0")) for key in ("offset", "length"))
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

    def read_value(self, message: Field, depth: int) -> TensorSpec:
        name = ""
        kind: tuple[str, tuple[int, ...], tuple[str, ...]] = ("", (-1,), ANY_RANK)
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == BYTES:
                name = self.wire.text(entry)
            elif entry.number == 2 and entry.wire == BYTES:
                kind = self.read_type(entry, depth + 1)
        return TensorSpec(name, *kind)

    def read_type(self, message: Field, depth: int) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire == BYTES and entry.number == 1:
                return self.read_tensor_type(entry, depth + 1)
            if entry.wire == BYTES and entry.number in _VALUE_KINDS:
                return _VALUE_KINDS[entry.number], (-1,), ANY_RANK
        return "", (-1,), ANY_RANK

    def read_tensor_type(self, message: Field, depth: int) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
        element = 0
        axes: list[tuple[int, str]] | None = None
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == VARINT:
                element = entry.value
            elif entry.number == 2 and entry.wire == BYTES:
                axes = list(self.read_axes(entry, depth + 1))
        if axes is None:
            return _element(element).name, (-1,), ANY_RANK
        symbols = tuple(symbol for _, symbol in axes)
        return _element(element).name, tuple(size for size, _ in axes), symbols if any(symbols) else ()

    def read_axes(self, message: Field, depth: int) -> Iterator[tuple[int, str]]:
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

    def add(self, error: ProtobufError) -> None:
        self.defect(error.kind, error.detail, error.offset)

    def defect(self, kind: str, detail: str, offset: int | None = None) -> None:
        self.graph.defects.append(Defect(member=self.source.name, kind=kind, detail=detail, offset=offset))


def _element(number: int) -> ElementType:
    return ONNX.get(number, ElementType(f"ONNX-{number}", 0))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _build_inspection(path: Path, graph: OnnxContents, by_content: bool) -> Inspection:
    companions = find_companions(path)
    files = [(path, Onnx.name)]
    defects = [*graph.defects, *companions.defects]
    pointers = list(companions.pointers)
    for location, needed in graph.external.items():
        found, defect, pointer = external_file(path, location, needed)
        if found is not None:
            files.append((found, "onnx-data"))
        if defect is not None:
            defects.append(defect)
        if pointer is not None:
            pointers.append(pointer)
    versions = tuple(
        [FormatVersion(kind="onnx-ir", version=graph.ir)]
        + [FormatVersion(kind="onnx-opset", domain=domain, version=version) for domain, version in graph.opsets.items()]
    )
    whole = bool(graph.ir and graph.opsets)
    inputs, outputs = tuple(graph.inputs), tuple(graph.outputs)
    operators = [Operator(domain, name, count) for (domain, name), count in graph.operators.most_common()]
    model = ModelInfo(
        name=name_of(path),
        path=str(path.absolute()),
        format=Onnx.name,
        entry=str(path.absolute()),
        files=files_of(path.parent, files) + companions.files(path.parent),
        architecture=companions.architecture,
        task=_task(inputs, outputs, companions),
        producer=graph.producer,
        parameters=graph.parameters if graph.graphs and not graph.defects else None,
        datatypes=dict(graph.weights),
        inputs=inputs,
        outputs=outputs,
        operators=tuple(operators),
        versions={
            version.kind + (f"/{version.domain}" if version.domain else ""): version.version for version in versions
        }
        if whole
        else {},
        tensors=len(graph.initializers) or None,
        chat_template=companions.chat_template,
        license=companions.license,
        quantization=companions.quantization,
        tokenizer=companions.tokenizer,
        max_length=companions.max_length,
        dimensions=companions.dimensions,
        metadata=graph.metadata,
    )
    return build_inspection(
        model,
        defects=defects,
        pointers=pointers,
        code=companions.code,
        versions=versions if whole else Unknown(say("{file} is damaged before its versions", file=path.name)),
        by_content=by_content,
    )


def _task(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], companions: Companions) -> str:
    if not inputs or not outputs:
        return ""
    named = {spec.name for spec in inputs}
    text = companions.tokenizer and {"input_ids", "attention_mask"} <= named
    first = outputs[0]
    flat = len(first.shape) == 2 and first.shape[1] > 0 and first.datatype in ("FP32", "FP16", "FP64", "BF16")
    if not text or not flat:
        return "tensors"
    if companions.architecture.endswith("ForSequenceClassification"):
        return "rerank" if first.shape[1] == 1 else "tensors"
    return "embedding"


def stored(path: Path) -> Iterator[Stored]:
    """Where its weights lie, beside it as well."""
    with Source(path) as source:
        graph = read_graph(source)
    for tensor in graph.tensors:
        element = _element(tensor.type)
        size = element.stored(tensor.elements)
        place, at = path, tensor.at
        if tensor.external:
            location, offset = tensor.external["location"], _number(tensor.external.get("offset", "0"))
            place = path.parent / location
            if offset is None or why_outside(path, location) or not place.is_file():
                continue
            at = offset
        elif size not in (tensor.stored, tensor.packed):
            continue  # kept as numbers of varying length
        yield Stored(tensor.name, element.name, tuple(tensor.shape), place, at, size)


FORMAT = Onnx()
