"""The graph of an OpenVINO model, read from its XML as a stream of start and end tags.

A document type, and with it every entity, is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple
from xml.parsers import expat

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import ElementType
from airworthy.artifacts.encodings.source import Source
from airworthy.core.messages import say
from airworthy.core.model import TensorSpec

MOST_XML = 1024 * 1024 * 1024
"""Bytes of a graph that are read."""
MOST_DEPTH = 100
"""Elements within elements."""
MOST_ENTRIES = 10_000
"""Inputs or outputs that are kept."""
MOST_PORTS = 4_000_000
"""Outputs of layers, and edges, that are kept."""
_BLOCK = 256 * 1024
_ELEMENTS = {
    "f32": ElementType("FP32", 32),
    "f16": ElementType("FP16", 16),
    "bf16": ElementType("BF16", 16),
    "f64": ElementType("FP64", 64),
    "boolean": ElementType("BOOL", 8),
    "u1": ElementType("UINT1", 1),
    **{f"i{bits}": ElementType(f"INT{bits}", bits) for bits in (4, 8, 16, 32, 64)},
    **{f"u{bits}": ElementType(f"UINT{bits}", bits) for bits in (2, 3, 4, 6, 8, 16, 32, 64)},
    "nf4": ElementType("NF4", 4),
    "f4e2m1": ElementType("FLOAT4E2M1", 4),
    "string": ElementType("BYTES", 0),
    "f8e4m3": ElementType("FLOAT8E4M3FN", 8),
    "f8e5m2": ElementType("FLOAT8E5M2", 8),
    "f8e8m0": ElementType("FLOAT8E8M0", 8),
    "dynamic": ElementType("", 0),
}
# Ports name floats by another text than constants do.
_PRECISIONS = {"fp64": "f64", "fp32": "f32", "fp16": "f16", "bool": "boolean", "bin": "u1", "undefined": "dynamic"}


def element_of(text: str) -> ElementType:
    """An element type as constants or ports name it."""
    name = text.strip().lower()
    return _ELEMENTS.get(_PRECISIONS.get(name, name), ElementType(text, 0))


class _Port(NamedTuple):
    """What a layer gives or takes."""

    layer: str
    """The name of its layer."""
    names: tuple[str, ...]
    """Names of the tensor, in order; empty where it has none."""
    datatype: str
    dims: tuple[int, ...]


_Place = tuple[str, str]
"""The number of a layer and of its port."""


class OpenVinoGraph:
    """The graph, as the tags say it."""

    def __init__(self, source: Source) -> None:
        self.version = 0
        self.name = ""
        self.runtime = ""
        self.operators: Counter[tuple[str, str]] = Counter()
        self.inputs: list[TensorSpec] = []
        self.outputs: list[TensorSpec] = []
        self.constants: list[tuple[str, str, tuple[int, ...], int, int]] = []
        self.problem: Damaged | None = None
        self._path: list[str] = []
        self._layer: dict[str, str] = {}
        self._dims: list[int] = []
        self._text = ""
        self._port: dict[str, str] = {}
        self._given: dict[_Place, _Port] = {}
        self._edges: dict[_Place, _Place] = {}
        self._results: list[tuple[_Place, _Port]] = []
        self._outputs: Counter[str] = Counter()
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.buffer_text = True
        try:
            if source.size > MOST_XML:
                raise Damaged("bounds", say("it is larger than {limit:bytes}", limit=MOST_XML), MOST_XML)
            at = 0
            while at < source.size:
                block = source.read(at, _BLOCK)
                at += len(block)
                parser.Parse(block, at >= source.size)
            if not self.version:
                raise Damaged("structure", say("it holds no net with a version"), 0)
            self.outputs = [self._output(*each) for each in self._results]
        except Damaged as error:
            self.problem = error
        except (expat.ExpatError, ValueError, LookupError) as error:
            at = max(parser.CurrentByteIndex, 0)
            kind = "truncated" if at >= source.size - 1 or "no element" in str(error) else "structure"
            self.problem = Damaged(kind, say("it is not XML: {problem}", problem=error), at)

    def _refuse(self, *_: object) -> None:
        raise Damaged("structure", say("it declares a document type, which no OpenVINO model does"), 0)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        if len(self._path) > MOST_DEPTH:
            raise Damaged("structure", say("elements are nested more than {count} deep", count=MOST_DEPTH), 0)
        where = self._path
        self._text = ""
        if where == ["net"]:
            self.version, self.name = _number(attributes.get("version", "")), attributes.get("name", "")
        elif where == ["net", "layers", "layer"]:
            self._layer = attributes
            self.operators[attributes.get("version", ""), attributes.get("type", "")] += 1
        elif where == ["net", "layers", "layer", "data"]:
            self._layer = {**attributes, **{f"layer {key}": value for key, value in self._layer.items()}}
            if self._layer.get("layer type") == "Const":
                self._constant(attributes)
        elif where[:3] == ["net", "layers", "layer"] and tag == "port":
            self._port, self._dims = attributes, []
        elif where == ["net", "edges", "edge"]:
            if len(self._edges) < MOST_PORTS:
                to = attributes.get("to-layer", ""), attributes.get("to-port", "")
                self._edges[to] = attributes.get("from-layer", ""), attributes.get("from-port", "")
        elif where[-2:] in (["rt_info", "Runtime_version"], ["meta_data", "MO_version"]) or (
            where[-2:] == ["rt_info", "info"] and attributes.get("name") == "OpenVINO Runtime"
        ):
            self.runtime = attributes.get("value", "")[:100]

    def _data(self, text: str) -> None:
        if len(self._text) < 100:
            self._text += text

    def _end(self, tag: str) -> None:
        where = self._path
        if tag == "dim" and len(self._dims) < 64:
            size = self._text.strip()
            self._dims.append(int(size) if re.fullmatch(r"\d{1,18}", size) else -1)
        elif where == ["net", "layers", "layer", "output", "port"]:
            self._keep_given()
        elif where == ["net", "layers", "layer", "input", "port"] and self._of_layer("type") == "Result":
            place = self._of_layer("id"), self._port.get("id", "")
            self._results += [(place, self._made("output_names"))] if len(self._results) < MOST_ENTRIES else []
        where.pop()

    def _of_layer(self, key: str) -> str:
        return self._layer.get(f"layer {key}") or self._layer.get(key, "")

    def _made(self, names_of_layer: str = "") -> _Port:
        names = self._of_layer(names_of_layer) if names_of_layer else self._port.get("names", "")
        datatype = element_of(self._port.get("precision", "")).name
        return _Port(self._of_layer("name"), _names(names), datatype, tuple(self._dims))

    def _keep_given(self) -> None:
        """An output of a layer: an input of the model where the layer is a parameter."""
        port, layer = self._made(), self._of_layer("id")
        self._outputs[layer] += 1
        if len(self._given) < MOST_PORTS:
            self._given[layer, self._port.get("id", "")] = port
        if self._of_layer("type") == "Parameter" and len(self.inputs) < MOST_ENTRIES:
            self.inputs.append(TensorSpec(port.names[0] if port.names else port.layer, port.datatype, port.dims))

    def _output(self, place: _Place, result: _Port) -> TensorSpec:
        """An output of the model: named by the tensor that it takes, or else by the layer that gives that."""
        source = self._edges.get(place, ("", ""))
        given = self._given.get(source)
        if given is None:
            return TensorSpec(result.names[0] if result.names else result.layer, result.datatype, result.dims)
        names = given.names or result.names
        name = names[0] if names else given.layer
        if not names and self._outputs[source[0]] > 1:
            ports = [port for layer, port in self._given if layer == source[0]]
            name = f"{name}.{ports.index(source[1])}"
        return TensorSpec(name, given.datatype or result.datatype, given.dims or result.dims)

    def _constant(self, attributes: dict[str, str]) -> None:
        shape = tuple(_number(size) for size in attributes.get("shape", "").split(",") if size.strip())
        element = element_of(attributes.get("element_type", ""))
        offset, size = _number(attributes.get("offset", "")), _number(attributes.get("size", ""))
        if len(shape) <= 64:
            name = self._layer.get("layer name", "")
            self.constants.append((name, element.name, shape, offset, size))


def _names(text: str) -> tuple[str, ...]:
    """The names that an attribute lists, in order: OpenVINO calls a tensor by the first. A comma in one is escaped."""
    found = (each.replace("\\,", ",") for each in re.split(r"(?<!\\),", text))
    return tuple(sorted({each for each in found if each}))


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
