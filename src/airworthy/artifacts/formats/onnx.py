"""ONNX: what a file is, from what the walk through its structure finds, and where its weights lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airworthy.artifacts.configuration.companions import find_companions
from airworthy.artifacts.configuration.text_tasks import with_task
from airworthy.artifacts.encodings.protobuf import Wire
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.onnx_external import external_file, why_outside
from airworthy.artifacts.formats.onnx_reader import OnnxContents, is_model, read_graph
from airworthy.artifacts.formats.onnx_values import element_of, number_of
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, inspect_stand_in
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo, Operator
from airworthy.core.values import FormatVersion


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
                return is_model(Wire(source), source.size)
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
        tensors=graph.count or None,
        chat_template=companions.chat_template,
        license=companions.license,
        quantization=companions.quantization,
        tokenizer=companions.tokenizer,
        max_length=companions.max_length,
        dimensions=companions.dimensions,
        metadata=graph.metadata,
    )
    return build_inspection(
        with_task(model, companions),
        defects=defects,
        pointers=pointers,
        code=companions.code,
        versions=versions if whole else Unknown(say("{file} is damaged before its versions", file=path.name)),
        by_content=by_content,
    )


def stored(path: Path) -> Iterator[Stored]:
    """Where its weights lie, beside it as well."""
    with Source(path) as source:
        graph = read_graph(source)
    for tensor in graph.tensors:
        element = element_of(tensor.type)
        size = element.stored(tensor.elements)
        place, at, note = path, tensor.at, ""
        if tensor.external:
            location, offset = tensor.external["location"], number_of(tensor.external.get("offset", "0"))
            place, at = path.parent / location, offset or 0
            if offset is None or why_outside(path, location) or not place.is_file():
                place, note = path, say("its bytes are not all there")
        elif size not in (tensor.stored, tensor.packed):
            note = say("its numbers are kept with a varying number of bytes")
        yield Stored(tensor.name, element.name, tuple(tensor.shape), place, at, size, note=note)


FORMAT = Onnx()
