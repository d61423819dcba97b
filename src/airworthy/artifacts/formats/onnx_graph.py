"""The graph of an ONNX model with every node, read from the protobuf structure; weights are stepped over.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from airworthy.artifacts.encodings.protobuf import BYTES, FIXED32, VARINT, Field, ProtobufError, signed
from airworthy.artifacts.encodings.source import Held, Source
from airworthy.artifacts.formats.onnx_values import ValueReader, element_of
from airworthy.core.errors import AirworthyError
from airworthy.core.graph import Attribute, Graph, GraphValue, Node, Program

MOST_NODES = 1_000_000
"""Nodes of a graph, its functions inlined."""
MOST_NUMBERS = 64
"""Whole numbers of a stored list that is kept."""
MOST_REALS = 16
"""Floats of a stored list that is kept."""
MOST_INLINED = 8
"""Functions within functions."""
REFERENCE = "@"
"""Begins the value of an attribute that, in a function of the model's own, stands for one of the call."""
_KEPT = 8 * MOST_NUMBERS
_INTEGERS = {6: ("i", 4), 7: ("q", 8), 9: ("?", 1)}
_INT64 = 7
_REALS = {1: ("f", 4), 10: ("e", 2), 11: ("d", 8)}
_FLOAT16, _FLOAT64 = 10, 11
_TYPED = ("to", "dtype", "output_dtype", "output_datatype")
"""Attributes that name an element type by its number; they are kept as its name."""


class GraphUnreadable(AirworthyError):
    """A model whose graph can't be read to its end."""

    code = "graph-unreadable"
    message = "the graph of {path} cannot be read: {reason}"
    hint = "inspect its defects with `airworthy inspect {path}`"


@dataclass
class _Function:
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


@dataclass
class _Making:
    nodes: list[Node] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    values: dict[str, GraphValue] = field(default_factory=dict)
    weights: set[str] = field(default_factory=set)
    numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    reals: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def made(self) -> Graph:
        """The finished graph."""
        inputs = tuple(name for name in self.inputs if name not in self.weights)
        outputs, weights = tuple(self.outputs), frozenset(self.weights)
        return Graph(tuple(self.nodes), inputs, outputs, self.values, weights, self.numbers, self.reals)


def read_program(path: Path, more: bytes = b"") -> Program:
    """Read the graph of an ONNX file.

    Args:
        path: the file.
        more: as for `program_of`.

    Raises:
        GraphUnreadable: the file is damaged, or its graph passes the limits.
    """
    with Source(path) as source:
        return program_of(source, str(path), more)


def program_of(source: Source, path: str, more: bytes = b"") -> Program:
    """Read the graph of an ONNX model that is open, or in memory.

    Args:
        source: its bytes.
        path: what errors call it.
        more: what the engine appends to them: nodes and outputs of the same graph.

    Raises:
        GraphUnreadable: it is damaged, or its graph passes the limits.
    """
    try:
        reader = _GraphReader(source)
        reader.read()
        if more:
            added = _GraphReader(Held(more, path))
            added.main = reader.main
            added.read()
    except ProtobufError as error:
        raise GraphUnreadable(path=path, reason=f"{error} (at byte {error.offset})") from None
    graph = reader.main.made() if reader.main is not None else Graph()
    inlined = _Inliner(reader.functions, path).graph(graph) if reader.functions else graph
    return Program(inlined, reader.opsets)


class _GraphReader(ValueReader):
    """Walks as the reader of the interface does, and keeps nodes and values."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.main: _Making | None = None
        self.functions: dict[tuple[str, str], _Function] = {}
        self.opsets: dict[str, int] = {}
        self._left = MOST_NODES

    def read(self) -> None:
        """The graph, the functions and the operator sets."""
        for entry in self.wire.fields(0, self.source.size):
            if entry.wire != BYTES:
                continue
            if entry.number == 7:
                # A message that stands twice is one whose parts are joined: so protobuf's own parsers read it.
                self.main = self.making(entry, 1, self.main)
            elif entry.number == 8:
                domain, version = self.read_opset(entry)
                self.opsets[domain] = version
            elif entry.number == 25:
                self.read_body(entry)

    def making(self, message: Field, depth: int, begun: _Making | None = None) -> _Making:
        """A graph and those within it."""
        making = begun or _Making()
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number == 1:
                making.nodes.append(self.node(entry, depth + 1, making))
            elif entry.number == 5:
                self.weight(entry, depth + 1, making)
            elif entry.number in (11, 12, 13):
                spec = self.read_value(entry, depth + 1)
                shape = None if spec.symbols == ("*",) else spec.shape
                making.values[spec.name] = GraphValue(spec.datatype, shape, spec.symbols if shape is not None else ())
                if entry.number != 13:
                    (making.inputs if entry.number == 11 else making.outputs).append(spec.name)
            elif entry.number == 15:
                for inner in self.wire.fields(entry.start, entry.end, depth + 1):
                    if inner.number == 1 and inner.wire == BYTES:
                        self.weight(inner, depth + 2, making)
        return making

    def weight(self, message: Field, depth: int, making: _Making, name: str = "") -> None:
        """A stored tensor: its type and sizes, and its content where it is a short list of whole numbers."""
        tensor = self.read_tensor(message, depth)
        name = name or tensor.name
        making.weights.add(name)
        making.values[name] = GraphValue(element_of(tensor.type).name, tuple(tensor.shape))
        if tensor.type in _INTEGERS and tensor.elements <= MOST_NUMBERS and not tensor.external:
            numbers = self.numbers(message, tensor.type, depth)
            if len(numbers) == tensor.elements:
                making.numbers[name] = numbers
        elif tensor.type in _REALS and tensor.elements <= MOST_REALS and not tensor.external:
            reals = self.reals(message, tensor.type, depth)
            if len(reals) == tensor.elements:
                making.reals[name] = reals

    def numbers(self, message: Field, type_: int, depth: int) -> tuple[int, ...]:
        """The content of a small tensor of whole numbers, wherever it is stored."""
        found: list[int] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 9 and entry.wire == BYTES and entry.value <= _KEPT:
                code, size = _INTEGERS[type_]
                raw = self.source.read(entry.start, entry.value)
                if len(raw) % size == 0:
                    found += map(int, struct.unpack(f"<{len(raw) // size}{code}", raw))
            elif entry.number == (7 if type_ == _INT64 else 5) and entry.wire in (VARINT, BYTES):
                found += self.wire.varints(entry, MOST_NUMBERS)
        return tuple(found)

    def reals(self, message: Field, type_: int, depth: int) -> tuple[float, ...]:
        """The content of a small tensor of floats, wherever it is stored."""
        found: list[float] = []
        code, size = _REALS[type_]
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 5 and type_ == _FLOAT16 and entry.wire in (VARINT, BYTES):
                bits = self.wire.varints(entry, MOST_REALS)
                found += (struct.unpack("<e", struct.pack("<H", each & 0xFFFF))[0] for each in bits)
            elif entry.number == 4 and entry.wire == FIXED32:
                found += struct.unpack("<f", entry.value.to_bytes(4, "little"))
            elif entry.number in (9, 10 if type_ == _FLOAT64 else 4) and entry.wire == BYTES and entry.value <= _KEPT:
                raw = self.source.read(entry.start, entry.value)
                if len(raw) % size == 0:
                    found += struct.unpack(f"<{len(raw) // size}{code}", raw)
        return tuple(found)

    def node(self, message: Field, depth: int, making: _Making) -> Node:
        """A node; the content of a `Constant` becomes a stored value."""
        self._left -= 1
        if self._left < 0:
            raise ProtobufError("structure", f"more than {MOST_NODES} nodes", message.start)
        inputs: list[str] = []
        outputs: list[str] = []
        texts = {3: "", 4: "", 7: ""}
        attributes: dict[str, Attribute] = {}
        graphs: list[Graph] = []
        tensors: list[tuple[str, Field]] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.wire != BYTES:
                continue
            if entry.number in (1, 2):
                (inputs if entry.number == 1 else outputs).append(self.wire.text(entry))
            elif entry.number in texts:
                texts[entry.number] = self.wire.text(entry)
            elif entry.number == 5:
                name, value = self.attribute(entry, depth + 1, graphs, tensors)
                if name in _TYPED and isinstance(value, int):
                    value = element_of(value).name
                if value is not None:
                    attributes[name] = value
        domain = "" if texts[7] == "ai.onnx" else texts[7]
        if not domain and texts[4] == "Constant" and outputs:
            self.constant(outputs[0], attributes, tensors, depth, making)
        elif not domain and texts[4] == "ConstantOfShape" and tensors:
            attributes |= self.filler(tensors[0][1], depth + 2)
        return Node(texts[3], domain, texts[4], tuple(inputs), tuple(outputs), attributes, tuple(graphs))

    def filler(self, message: Field, depth: int) -> dict[str, Attribute]:
        """What a `ConstantOfShape` fills with: the element type, and the number where it can be read."""
        tensor = self.read_tensor(message, depth)
        found: dict[str, Attribute] = {"value": element_of(tensor.type).name}
        told: tuple[float, ...] = ()
        if tensor.type in _INTEGERS:
            told = self.numbers(message, tensor.type, depth)
        elif tensor.type in _REALS:
            told = self.reals(message, tensor.type, depth)
        if len(told) == 1:
            found["number"] = told[0]
        return found

    def constant(
        self,
        name: str,
        attributes: dict[str, Attribute],
        tensors: list[tuple[str, Field]],
        depth: int,
        making: _Making,
    ) -> None:
        """Keep what a `Constant` gives."""
        if tensors:
            self.weight(tensors[0][1], depth + 2, making, name)
            return
        for key, value in attributes.items():
            if key in ("value_int", "value_ints"):
                numbers = value if isinstance(value, tuple) else (int(value),)
                shape = (len(numbers),) if key == "value_ints" else ()
                making.values[name] = GraphValue("INT64", shape)
                making.numbers[name] = numbers
            elif key in ("value_float", "value_floats"):
                making.values[name] = GraphValue("FP32", () if key == "value_float" else None)
                if isinstance(value, float):
                    making.reals[name] = (value,)
            elif key in ("value_string", "value_strings"):
                making.values[name] = GraphValue("BYTES", () if key == "value_string" else None)
        making.weights.add(name)

    def attribute(
        self, message: Field, depth: int, graphs: list[Graph], tensors: list[tuple[str, Field]]
    ) -> tuple[str, Attribute | None]:
        """An attribute's name and value; graphs and tensors go to their lists."""
        name, value = "", None
        whole: list[int] = []
        for entry in self.wire.fields(message.start, message.end, depth):
            if entry.number == 1 and entry.wire == BYTES:
                name = self.wire.text(entry)
            elif entry.number == 2 and entry.wire == FIXED32:
                value = struct.unpack("<f", entry.value.to_bytes(4, "little"))[0]
            elif entry.number == 3 and entry.wire == VARINT:
                value = signed(entry.value)
            elif entry.number == 4 and entry.wire == BYTES:
                value = self.wire.text(entry)[:200]
            elif entry.number == 5 and entry.wire == BYTES:
                tensors.append((name, entry))
            elif entry.number in (6, 11) and entry.wire == BYTES:
                graphs.append(self.making(entry, depth + 1).made())
            elif entry.number == 8 and entry.wire in (VARINT, BYTES):
                whole += self.wire.varints(entry, 4096)
            elif entry.number == 21 and entry.wire == BYTES:
                value = REFERENCE + self.wire.text(entry)[:200]
        return name, tuple(whole) if whole else value

    def read_body(self, message: Field) -> None:
        """A function of the model's own."""
        function = _Function()
        making = _Making()
        name = domain = ""
        for entry in self.wire.fields(message.start, message.end, 1):
            if entry.wire != BYTES:
                continue
            if entry.number == 1:
                name = self.wire.text(entry)
            elif entry.number == 4:
                function.inputs.append(self.wire.text(entry))
            elif entry.number == 5:
                function.outputs.append(self.wire.text(entry))
            elif entry.number == 7:
                function.nodes.append(self.node(entry, 2, making))
            elif entry.number == 10:
                domain = self.wire.text(entry)
        self.functions["" if domain == "ai.onnx" else domain, name] = function


class _Inliner:
    """Puts the nodes of a model's own functions where they are called, as runtimes do."""

    def __init__(self, functions: dict[tuple[str, str], _Function], path: str) -> None:
        self.functions = functions
        self.path = path
        self.calls = 0
        self.left = MOST_NODES

    def graph(self, graph: Graph) -> Graph:
        """A graph with no calls left."""
        nodes: list[Node] = []
        for node in graph.nodes:
            nodes += self.node(node, 0)
        return msgspec.structs.replace(graph, nodes=tuple(nodes))

    def node(self, node: Node, depth: int) -> list[Node]:
        """A node, or what the function is made of that it calls."""
        self.left -= 1
        if self.left < 0 or depth > MOST_INLINED:
            raise GraphUnreadable(path=self.path, reason="its functions are nested too deep or give too many nodes")
        function = self.functions.get((node.domain, node.operator))
        if function is None:
            graphs = tuple(self.graph(each) for each in node.graphs)
            inner = (node.name, node.domain, node.operator, node.inputs, node.outputs, node.attributes)
            return [Node(*inner, graphs)]
        self.calls += 1
        prefix = f"{node.name or node.operator}#{self.calls}/"
        given = dict(zip(function.inputs, node.inputs, strict=False))
        given |= dict(zip(function.outputs, node.outputs, strict=False))
        made: list[Node] = []
        for each in function.nodes:
            inputs, outputs = (
                tuple(given.get(name, prefix + name) if name else "" for name in names)
                for names in (each.inputs, each.outputs)
            )
            attributes = _filled_in(each.attributes, node.attributes)
            graphs = tuple(_renamed(inner, given, prefix) for inner in each.graphs)
            call = Node(prefix + each.name, each.domain, each.operator, inputs, outputs, attributes, graphs)
            made += self.node(call, depth + 1)
        return made


def _renamed(graph: Graph, given: dict[str, str], prefix: str, own: frozenset[str] = frozenset()) -> Graph:
    """A graph within a function's node, with the names that it takes from around it as they are after inlining."""
    own = own.union(graph.inputs, graph.weights, *(node.outputs for node in graph.nodes))

    def known(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name if not name or name in own else given.get(name, prefix + name) for name in names)

    nodes = tuple(
        msgspec.structs.replace(
            node,
            inputs=known(node.inputs),
            graphs=tuple(_renamed(inner, given, prefix, own) for inner in node.graphs),
        )
        for node in graph.nodes
    )
    return msgspec.structs.replace(graph, nodes=nodes, outputs=known(graph.outputs))


def _filled_in(own: dict[str, Attribute], given: dict[str, Attribute]) -> dict[str, Attribute]:
    """A function's attributes with those of the call in place of its references; one that isn't given stays."""
    if not any(isinstance(value, str) and value.startswith(REFERENCE) for value in own.values()):
        return own
    return {
        name: given.get(value[len(REFERENCE) :], value)
        if isinstance(value, str) and value.startswith(REFERENCE)
        else value
        for name, value in own.items()
    }
