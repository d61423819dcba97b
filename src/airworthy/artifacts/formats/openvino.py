"""OpenVINO IR: the graph in an XML file and the weights in a `.bin` beside it.

The XML is read as a stream of start and end tags; a document type, and with it every entity, is refused.
See https://docs.openvino.ai/2025/documentation/openvino-ir-format.html.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from airworthy.artifacts.encodings.datatypes import ElementType
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import Damaged
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, defect_in, inspect_stand_in, pointer_in
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo, Operator, TensorSpec
from airworthy.core.values import Defect, FormatVersion, LfsPointer

MOST_XML = 1024 * 1024 * 1024
"""Bytes of a graph that are read."""
MOST_DEPTH = 100
"""Elements within elements."""
MOST_ENTRIES = 10_000
"""Inputs or outputs that are kept."""
_BLOCK = 256 * 1024
_NET = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>)?\s*(?:<!--.{0,2000}?-->\s*)*<net\s[^>]*\bversion=", re.DOTALL
)
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


class _Net:
    """The graph, as the tags says it."""

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
        self._port = ""
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
            self.version, self.name = _number(attributes.get("version", "")), attributes.get("name", "")[:200]
        elif where == ["net", "layers", "layer"]:
            self._layer = attributes
            self.operators[attributes.get("version", "")[:50], attributes.get("type", "")[:100]] += 1
        elif where == ["net", "layers", "layer", "data"]:
            self._layer = {**attributes, **{f"layer {key}": value for key, value in self._layer.items()}}
            if self._layer.get("layer type") == "Const":
                self._constant(attributes)
        elif where[:3] == ["net", "layers", "layer"] and tag == "port":
            self._port, self._dims = attributes.get("precision", ""), []
        elif where[-2:] == ["rt_info", "Runtime_version"] or where[-2:] == ["meta_data", "MO_version"]:
            self.runtime = attributes.get("value", "")[:100]

    def _data(self, text: str) -> None:
        if len(self._text) < 100:
            self._text += text

    def _end(self, tag: str) -> None:
        where = self._path
        if tag == "dim" and len(self._dims) < 64:
            size = self._text.strip()
            self._dims.append(int(size) if re.fullmatch(r"\d{1,18}", size) else -1)
        elif where == ["net", "layers", "layer", "output", "port"] and self._kind() == "Parameter":
            self._keep(self.inputs)
        elif where == ["net", "layers", "layer", "input", "port"] and self._kind() == "Result":
            self._keep(self.outputs)
        where.pop()

    def _kind(self) -> str:
        return self._layer.get("layer type") or self._layer.get("type", "")

    def _keep(self, specs: list[TensorSpec]) -> None:
        name = self._layer.get("layer name") or self._layer.get("name", "")
        datatype = self._port.upper().replace("I", "INT", 1) if self._port[:1] in "Ii" else self._port.upper()
        if len(specs) < MOST_ENTRIES:
            specs.append(TensorSpec(name[:200], datatype, tuple(self._dims)))

    def _constant(self, attributes: dict[str, str]) -> None:
        shape = tuple(_number(size) for size in attributes.get("shape", "").split(",") if size.strip())
        element = _ELEMENTS.get(attributes.get("element_type", ""), ElementType(attributes.get("element_type", ""), 0))
        offset, size = _number(attributes.get("offset", "")), _number(attributes.get("size", ""))
        if len(shape) <= 64:
            name = self._layer.get("layer name", "")[:200]
            self.constants.append((name, element.name, shape, offset, size))


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class OpenVino:
    """The format."""

    name = "openvino"
    suffixes: tuple[str, ...] = ()
    folder = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is XML whose first element is a net with a version."""
        return _NET.match(head[:8192]) is not None

    def inspect(self, path: Path) -> Inspection:
        """Read the graph; of the weights only their size."""
        with Source(path) as source:
            head = source.read(0, POINTER_LIMIT * 8)
            # A graph is XML, as a saved error page may be.
            stand_in = None if self.recognises(path, head) else inspect_stand_in(path, head, self.name)
            if stand_in is not None:
                return stand_in
            net = _Net(source)
        defects = []
        if net.problem:
            problem = net.problem
            defects.append(Defect(member=path.name, kind=problem.kind, detail=problem.detail, offset=problem.offset))
        pointers: list[LfsPointer] = []
        needed = max((offset + size for _, _, _, offset, size in net.constants), default=0)
        data = path.with_suffix(".bin")
        if needed:
            defects += _weights(data, needed, pointers)
        weights: Counter[str] = Counter()
        for _, datatype, _, _, size in net.constants:
            weights[datatype] += size
        files = [(path, self.name)] + ([(data, "openvino-weights")] if needed and data.is_file() else [])
        model = ModelInfo(
            name=name_of(path),
            path=str(path.absolute()),
            format=self.name,
            entry=str(path.absolute()),
            files=files_of(path.parent, files),
            architecture=net.name,
            task="tensors" if net.inputs and net.outputs else "",
            producer=f"openvino {net.runtime}" if net.runtime else "",
            parameters=sum(_product(shape) for _, _, shape, _, _ in net.constants) if not defects else None,
            tensors=len(net.constants),
            datatypes=dict(weights),
            inputs=tuple(net.inputs),
            outputs=tuple(net.outputs),
            operators=tuple(Operator(domain, name, count) for (domain, name), count in net.operators.most_common()),
            versions={"openvino-ir": net.version} if net.version else {},
        )
        unread = Unknown(say("{file} is damaged before its version", file=path.name))
        return build_inspection(
            model,
            defects=defects,
            pointers=pointers,
            versions=(FormatVersion(kind="openvino-ir", version=net.version),) if net.version else unread,
            by_content=self.recognises(path, head),
        )


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _weights(data: Path, needed: int, pointers: list[LfsPointer]) -> Iterator[Defect]:
    """What is wrong with the file of the weights."""
    try:
        with Source(data) as source:
            size, head = source.size, source.read(0, POINTER_LIMIT)
    except OSError:
        detail = say("the graph keeps its weights in {name}, which is not there", name=data.name)
        yield Defect(member=data.name, kind="missing", detail=detail)
        return
    if size < POINTER_LIMIT and (pointer := pointer_in(data.absolute(), head)):
        pointers.append(pointer)
    elif size < needed:
        if defect := defect_in(data.name, head):
            yield defect
            return
        detail = say("weights go on to {needed}, the file ends at {size}", needed=needed, size=size)
        yield Defect(member=data.name, kind="truncated", detail=detail, offset=size)


def stored(path: Path) -> Iterator[Stored]:
    """Where the constants lie."""
    with Source(path) as source:
        net = _Net(source)
    for name, datatype, shape, offset, size in net.constants:
        yield Stored(name, datatype, shape, path.with_suffix(".bin"), offset, size)


FORMAT = OpenVino()
