"""TensorFlow SavedModel: a folder whose graph is read by its protobuf structure, function bodies included.

Field numbers are those of saved_model.proto and meta_graph.proto in tensorflow/core/protobuf, and of what they import.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import TENSORFLOW, ElementType
from airworthy.artifacts.encodings.protobuf import BYTES, VARINT, Field, Wire, signed
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.folders import walk
from airworthy.artifacts.formats.keras_code import acting_parts
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, defect_in, pointer_in
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, Inspection, ModelInfo, Operator, TensorSpec
from airworthy.core.values import Defect, EmbeddedCode, FormatVersion, LfsPointer

GRAPH = "saved_model.pb"
"""The file that makes a folder a SavedModel."""
MOST_GRAPH = 2 * 1024**3
"""Bytes of a graph: protobuf itself has no larger ones."""
MOST_ENTRIES = 10_000
"""Inputs, outputs and signatures that are kept."""
# Operators that touch files, processes or Python. There are some 1 500 operators and no list of the harmless ones, so
# this one can only name those that are known to act; the saver's own Save and Restore are in every SavedModel.
_READS, _WRITES, _CONNECTS, _DEBUGS = "reads files", "writes files", "connects elsewhere", "writes to a URL of its own"
_ACTING = {
    **dict.fromkeys(
        ("ReadFile", "WholeFileReader", "WholeFileReaderV2", "MatchingFiles", "TextLineReader"), "reads files"
    ),
    **dict.fromkeys(
        ("TextLineReaderV2", "TFRecordReader", "TFRecordReaderV2", "FixedLengthRecordReader"), "reads files"
    ),
    **dict.fromkeys(
        ("FixedLengthRecordReaderV2", "TextLineDataset", "TFRecordDataset", "TFRecordDatasetV2"), "reads files"
    ),
    **dict.fromkeys(("FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "MatchingFilesDataset"), _READS),
    **dict.fromkeys(("SqlDataset", "CSVDataset", "CSVDatasetV2", "LMDBReader", "LMDBDataset"), _READS),
    **dict.fromkeys(
        ("WriteFile", "SaveDataset", "SaveDatasetV2", "DatasetToTFRecord", "SnapshotDataset"), "writes files"
    ),
    **dict.fromkeys(("CreateSummaryFileWriter", "DumpTensor", "SnapshotDatasetV2", "SummaryWriter"), _WRITES),
    **dict.fromkeys(("PyFunc", "PyFuncStateless", "EagerPyFunc"), "calls Python"),
    **dict.fromkeys(("RpcCall", "TryRpc", "Rpc", "RpcServer", "RpcClient", "CreateSummaryDbWriter"), _CONNECTS),
    **dict.fromkeys(("DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount"), _DEBUGS),
}


class _Graph:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.wire = Wire(source)
        self.version = 0
        self.tensorflow = ""
        self.tags: list[str] = []
        self.metas = 0
        self.operators: Counter[str] = Counter()
        self.signatures: dict[str, tuple[list[TensorSpec], list[TensorSpec]]] = {}
        self.defects: list[Defect] = []
        try:
            for entry in self.wire.fields(0, source.size):
                if entry.number == 1 and entry.wire == VARINT:
                    self.version = min(entry.value, 1 << 31)
                elif entry.number == 2 and entry.wire == BYTES:
                    self.metas += 1
                    self.meta(entry)
                else:
                    raise Damaged("structure", f"field {entry.number} is none of a SavedModel", entry.start)
            if not self.metas:
                raise Damaged("truncated", "it holds no graph", source.size)
        except Damaged as error:
            self.defects.append(error.of(source.name))

    def messages(self, message: Field, depth: int) -> Iterator[Field]:
        return (entry for entry in self.wire.fields(message.start, message.end, depth) if entry.wire == BYTES)

    def meta(self, message: Field) -> None:
        for entry in self.messages(message, 1):
            if entry.number == 1:
                for part in self.messages(entry, 2):
                    if part.number == 4 and len(self.tags) < 20:
                        self.tags.append(self.wire.text(part)[:100])
                    elif part.number == 5:
                        self.tensorflow = self.wire.text(part)[:100]
            elif entry.number == 2:
                self.graph(entry)
            elif entry.number == 5 and len(self.signatures) < 100:
                self.signature(entry)

    def graph(self, message: Field) -> None:
        for entry in self.messages(message, 2):
            if entry.number == 1:
                self.node(entry, 3)
            elif entry.number == 2:
                for function in self.messages(entry, 3):
                    if function.number == 1:
                        for part in self.messages(function, 4):
                            if part.number == 3:
                                self.node(part, 5)

    def node(self, message: Field, depth: int) -> None:
        for entry in self.messages(message, depth):
            if entry.number == 2:
                self.operators[self.wire.text(entry)] += 1
                return

    def signature(self, message: Field) -> None:
        name = ""
        inputs: list[TensorSpec] = []
        outputs: list[TensorSpec] = []
        for entry in self.messages(message, 2):
            if entry.number == 1:
                name = self.wire.text(entry)
            elif entry.number == 2:
                for part in self.messages(entry, 3):
                    if part.number in (1, 2) and len(inputs) + len(outputs) < MOST_ENTRIES:
                        (inputs if part.number == 1 else outputs).append(self.named(part))
        self.signatures[name] = inputs, outputs

    def named(self, message: Field) -> TensorSpec:
        name, kind, shape = "", 0, None
        for entry in self.messages(message, 4):
            if entry.number == 1:
                name = self.wire.text(entry)
            elif entry.number == 2:
                for part in self.wire.fields(entry.start, entry.end, 5):
                    if part.number == 2 and part.wire == VARINT:
                        kind = part.value
                    elif part.number == 3 and part.wire == BYTES:
                        shape = self.shape(part)
        element = TENSORFLOW.get(kind, ElementType(f"TENSORFLOW-{kind}", 0))
        if shape is None:
            return TensorSpec(name, element.name, (-1,), ANY_RANK)
        return TensorSpec(name, element.name, shape)

    def shape(self, message: Field) -> tuple[int, ...] | None:
        sizes: list[int] = []
        for entry in self.wire.fields(message.start, message.end, 6):
            if entry.number == 3 and entry.wire == VARINT and entry.value:
                return None
            if entry.number == 2 and entry.wire == BYTES and len(sizes) < 64:
                size = next((p.value for p in self.wire.fields(entry.start, entry.end, 7) if p.number == 1), 0)
                sizes.append(max(signed(size), -1))
        return tuple(sizes)


class SavedModel:
    """The format."""

    name = "saved-model"
    suffixes: tuple[str, ...] = ()
    folder = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the folder holds a graph of that name."""
        return not head and (path / GRAPH).is_file()

    def inspect(self, path: Path) -> Inspection:
        """Read the graph; variables are looked for and not read."""
        entry = path / GRAPH
        code: list[EmbeddedCode] | Unknown = []
        with Source(entry) as source:
            head = source.read(0, POINTER_LIMIT * 8)
            pointer, stand_in = pointer_in(entry.absolute(), head), defect_in(GRAPH, head)
            graph = _Graph(source) if pointer is None and stand_in is None else None
        defects = [stand_in] if stand_in else []
        pointers = [pointer] if pointer else []
        if graph:
            defects += graph.defects
            code = [
                EmbeddedCode(member=GRAPH, kind="tf-operator", name=name, detail=say("it {acts}", acts=_ACTING[name]))
                for name in graph.operators
                if name in _ACTING
            ]
            code += _keras(path, defects)
            if graph.defects:
                code = code or Unknown(say("{file} cannot be read to its end", file=GRAPH))
        else:
            code = Unknown(say("{path} is damaged", path=GRAPH))
        missing, misplaced = _variables(path)
        defects += missing
        pointers += misplaced
        inputs, outputs = _default(graph)
        model = ModelInfo(
            name=name_of(path),
            path=str(path.absolute()),
            format=self.name,
            entry=str(entry.absolute()),
            files=files_of(path, [(each, self.name if each == entry else "") for each in walk(path)]),
            task="tensors" if inputs and outputs else "",
            producer=f"tensorflow {graph.tensorflow}" if graph and graph.tensorflow else "",
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            operators=tuple(Operator("tensorflow", name, n) for name, n in graph.operators.most_common())
            if graph
            else (),
            versions={"saved-model": graph.version} if graph and graph.version else {},
            metadata={"tags": ", ".join(graph.tags), "signatures": ", ".join(graph.signatures)[:300]} if graph else {},
        )
        version = graph.version if graph else 0
        unread = Unknown(say("{file} is damaged before its version", file=GRAPH))
        return build_inspection(
            model,
            defects=defects,
            pointers=pointers,
            code=code,
            versions=(FormatVersion(kind="saved-model", version=version),) if version else unread,
        )


def _default(graph: _Graph | None) -> tuple[list[TensorSpec], list[TensorSpec]]:
    if graph is None:
        return [], []
    named = graph.signatures
    return named.get("serving_default") or next((named[n] for n in named if not n.startswith("__")), ([], []))


def _variables(folder: Path) -> tuple[list[Defect], list[LfsPointer]]:
    """What is wrong with the files of the variables: an index and the shards that their names announce."""
    place = folder / "variables"
    if not place.is_dir():
        return [], []
    defects, pointers = [], []
    shards = sorted(place.glob("variables.data-*-of-*"))
    count = next((int(name) for each in shards if (name := each.name.rpartition("-of-")[2]).isdigit()), 0)
    wanted = [place / f"variables.data-{number:05d}-of-{count:05d}" for number in range(min(count, 10_000))]
    for each in [place / "variables.index", *(wanted or [place / "variables.data-00000-of-00001"])]:
        name = each.relative_to(folder).as_posix()
        try:
            with Source(each) as source:
                head = source.read(0, POINTER_LIMIT)
        except OSError:
            detail = say("{graph} has variables, and {name} is not there", graph=GRAPH, name=name)
            defects.append(Defect(member=name, kind="missing", detail=detail))
            continue
        if pointer := pointer_in(each.absolute(), head):
            pointers.append(pointer)
        elif head and (defect := defect_in(name, head)):
            defects.append(defect)
    return defects, pointers


def _keras(folder: Path, defects: list[Defect]) -> list[EmbeddedCode]:
    """What acts in the layers that Keras 2 described beside the graph: a message of objects with JSON in field 5."""
    path = folder / "keras_metadata.pb"
    found: list[EmbeddedCode] = []
    if not path.is_file():
        return found
    with Source(path) as source:
        wire = Wire(source)
        try:
            for node in wire.fields(0, source.size):
                for entry in wire.fields(node.start, node.end, 1) if node.wire == BYTES else ():
                    if entry.number == 5 and entry.wire == BYTES:
                        text = source.read(entry.start, min(entry.value, 16 * 1024 * 1024))
                        found += acting_parts(json.loads(text), path.name)
        except Damaged as error:
            defects.append(error.of(path.name))
        except (ValueError, RecursionError) as error:
            detail = say("a layer's description is not JSON: {problem}", problem=" ".join(str(error).split())[:200])
            defects.append(Defect(member=path.name, kind="structure", detail=detail))
    return found


FORMAT = SavedModel()
