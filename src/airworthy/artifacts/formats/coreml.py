"""Core ML: the single `.mlmodel` file and the `.mlpackage` folder around one.

Field numbers are those of https://github.com/apple/coremltools/tree/main/mlmodel/format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.protobuf import BYTES, VARINT, Field, Wire
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.folders import walk
from airworthy.artifacts.formats.coreml_weights import WeightCount
from airworthy.artifacts.formats.file_format import FileFormat, goes_on
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, defect_in, pointer_in
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo, Operator, TensorSpec
from airworthy.core.values import Defect, FormatVersion, LfsPointer

MANIFEST = "Manifest.json"
"""The file that makes a folder a package."""
MOST_MANIFEST = 4 * 1024 * 1024
"""Bytes of a manifest."""
MOST_ENTRIES = 10_000
"""Inputs or outputs that are kept."""
_KINDS = {
    200: "pipeline classifier",
    201: "pipeline regressor",
    202: "pipeline",
    300: "linear regressor",
    301: "support vector regressor",
    302: "tree ensemble regressor",
    303: "neural network regressor",
    400: "linear classifier",
    401: "support vector classifier",
    402: "tree ensemble classifier",
    403: "neural network classifier",
    404: "nearest neighbours",
    500: "neural network",
    501: "recommender",
    502: "ML program",
    555: "custom model",
    556: "linked model",
    600: "one-hot encoder",
    601: "imputer",
    602: "feature vectoriser",
    603: "dictionary vectoriser",
    604: "scaler",
    606: "categorical mapping",
    607: "normaliser",
    609: "array feature extractor",
    610: "non-maximum suppression",
    900: "identity",
    2000: "text classifier",
    2001: "word tagger",
    2002: "vision features",
    2003: "sound features",
    2004: "gazetteer",
    2005: "word embedding",
    2006: "audio features",
    3000: "serialised model",
}
_ARRAYS = {65552: "FP16", 65568: "FP32", 65600: "FP64", 131104: "INT32", 131080: "INT8"}
_FEATURES = {1: "INT64", 2: "FP64", 3: "BYTES", 4: "IMAGE", 6: "DICTIONARY", 7: "SEQUENCE"}
# Model: the specification's version, the description and the one kind of model; 10 says whether it can be trained.
_FIELDS = {1: VARINT, 2: BYTES, 10: VARINT} | dict.fromkeys(_KINDS, BYTES)
_NEWEST = 100


class _CoremlModel:
    def __init__(self, source: Source) -> None:
        self.wire = Wire(source)
        self.version = 0
        self.kind = ""
        self.metadata: dict[str, str] = {}
        self.inputs: list[TensorSpec] = []
        self.outputs: list[TensorSpec] = []
        self.operators: Counter[str] = Counter()
        self.weights = WeightCount(self.wire)
        self.error: Damaged | None = None
        described = False
        try:
            for entry in self.wire.fields(0, source.size):
                if _FIELDS.get(entry.number) != entry.wire:
                    raise Damaged("structure", f"field {entry.number} is none of a Core ML model", entry.start)
                if entry.number == 1:
                    self.version = min(entry.value, 1 << 31)
                elif entry.number == 2:
                    described = True
                    self.describe(entry)
                elif entry.number != 10:
                    self.kind = _KINDS[entry.number]
                    self.weights.kind(entry, 1)
                    if entry.number == 502:
                        self.program(entry)
            if not (self.version and described and self.kind):
                raise Damaged("truncated", f"the file ends at {source.size} without its model", source.size)
        except Damaged as error:
            self.error = error

    def messages(self, message: Field, depth: int) -> Iterator[Field]:
        return (entry for entry in self.wire.fields(message.start, message.end, depth) if entry.wire == BYTES)

    def describe(self, message: Field) -> None:
        for entry in self.messages(message, 1):
            if entry.number in (1, 10):
                specs = self.inputs if entry.number == 1 else self.outputs
                if len(specs) < MOST_ENTRIES:
                    specs.append(self.feature(entry))
            elif entry.number == 100:
                names = {1: "description", 2: "version", 3: "author", 4: "license"}
                for part in self.messages(entry, 2):
                    if part.number in names:
                        self.metadata[names[part.number]] = self.wire.text(part)[:300]
                    elif part.number == 100 and len(self.metadata) < 100:
                        texts = {each.number: self.wire.text(each)[:300] for each in self.messages(part, 3)}
                        self.metadata[texts.get(1, "")] = texts.get(2, "")

    def feature(self, message: Field) -> TensorSpec:
        name = datatype = ""
        shape: tuple[int, ...] = ()
        for entry in self.messages(message, 2):
            if entry.number == 1:
                name = self.wire.text(entry)
            elif entry.number == 3:
                for kind in self.messages(entry, 3):
                    datatype = _FEATURES.get(kind.number, datatype)
                    if kind.number == 5:
                        datatype, shape = self.array(kind)
        return TensorSpec(name, datatype, shape)

    def array(self, message: Field) -> tuple[str, tuple[int, ...]]:
        sizes: list[int] = []
        kind = 0
        for entry in self.wire.fields(message.start, message.end, 4):
            if entry.number == 1:
                sizes += self.wire.varints(entry, 64)
            elif entry.number == 2 and entry.wire == VARINT:
                kind = entry.value
        return _ARRAYS.get(kind, f"COREML-{kind}"), tuple(sizes)

    def program(self, message: Field) -> None:
        """Operators of an ML program: functions, their blocks, the operations in them."""
        # Program.functions (2) → Function.block_specializations (3) → Block.operations (3) → Operation.type (1)
        for function in (e for e in self.messages(message, 1) if e.number == 2):
            for value in (e for e in self.messages(function, 2) if e.number == 2):
                for block in (e for e in self.messages(value, 3) if e.number == 3):
                    for inner in (e for e in self.messages(block, 4) if e.number == 2):
                        self.block(inner, 5)

    def block(self, message: Field, depth: int) -> None:
        for operation in (e for e in self.messages(message, depth) if e.number == 3):
            self.weights.operation(operation, depth + 1)
            for entry in self.messages(operation, depth + 1):
                if entry.number == 1:
                    self.operators[self.wire.text(entry)] += 1
                elif entry.number == 4:
                    self.block(entry, depth + 2)


class CoreMl(FileFormat):
    """The single file."""

    name = "coreml"
    suffixes: tuple[str, ...] = (".mlmodel",)

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is a model's version, its description, and a kind of model that Core ML has."""
        return head[:1] == b"\x08" and goes_on(path, _begins)

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read the description; weights are stepped over."""
        model = _CoremlModel(source)
        return _build_inspection(path, path, model, [(path, self.name)], [], [], _begins(source))


def _begins(source: Source) -> bool:
    seen = set()
    version = 0
    try:
        for entry in Wire(source).fields(0, source.size):
            if _FIELDS.get(entry.number) != entry.wire:
                return False
            seen.add(entry.number)
            version = entry.value if entry.number == 1 else version
            if entry.number in _KINDS:
                return 0 < version <= _NEWEST and 2 in seen
    except Damaged as error:
        # Cut within its weights, after the description: an ONNX file has no message in field 2, only a short text.
        return (
            error.kind == "truncated" and 0 < version <= _NEWEST and 2 in seen and len(seen) > 1 and source.size > 512
        )
    return False


class CoreMlPackage:
    """The folder."""

    name = "coreml-package"
    suffixes: tuple[str, ...] = ()
    folder = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it holds a manifest and data as a package does."""
        return not head and (path / MANIFEST).is_file() and (path / "Data").is_dir()

    def inspect(self, path: Path) -> Inspection:
        """Read the manifest and the model that it names."""
        defects: list[Defect] = []
        pointers: list[LfsPointer] = []
        entry = _root(path, defects, pointers)
        files = [(each, self.name if each == entry else "") for each in walk(path)]
        if entry is None:
            return _build_inspection(path, path / MANIFEST, None, files, defects, pointers, True)
        try:
            with Source(entry) as source:
                head = source.read(0, POINTER_LIMIT * 8)
                if pointer := pointer_in(entry.absolute(), head):
                    pointers.append(pointer)
                elif defect := defect_in(entry.relative_to(path).as_posix(), head):
                    defects.append(defect)
                else:
                    return _build_inspection(path, entry, _CoremlModel(source), files, defects, pointers, True)
        except OSError:
            detail = say("{manifest} names {name}, which is not there", manifest=MANIFEST, name=entry.name)
            defects.append(Defect(member=entry.name, kind="missing", detail=detail))
        return _build_inspection(path, entry, None, files, defects, pointers, True)


class _Item(msgspec.Struct):
    path: str


class _Manifest(msgspec.Struct):
    itemInfoEntries: dict[str, _Item]  # noqa: N815 - the manifest's own spelling
    rootModelIdentifier: str  # noqa: N815


def _root(folder: Path, defects: list[Defect], pointers: list[LfsPointer]) -> Path | None:
    """The model that the manifest names."""

    def broken(kind: str, detail: str) -> None:
        defects.append(Defect(member=MANIFEST, kind=kind, detail=detail, offset=0))

    with Source(folder / MANIFEST) as source:
        text = source.read(0, MOST_MANIFEST)
    if pointer := pointer_in((folder / MANIFEST).absolute(), text):
        pointers.append(pointer)
        return None
    if defect := defect_in(MANIFEST, text):
        defects.append(defect)
        return None
    try:
        manifest = msgspec.json.decode(text, type=_Manifest)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        broken("structure", say("the manifest is not what a manifest is: {problem}", problem=error))
        return None
    for name, item in manifest.itemInfoEntries.items():
        place = PurePosixPath(item.path)
        if place.is_absolute() or ".." in place.parts or "\\" in item.path or "\0" in item.path or ":" in item.path:
            broken(
                "path", say("{name} lies at {path!r}, outside of the package", name=name[:100], path=item.path[:200])
            )
            return None
        if not (folder / "Data" / place).exists():
            broken("missing", say("the manifest names {path}, which is not there", path=item.path[:200]))
    root = manifest.itemInfoEntries.get(manifest.rootModelIdentifier)
    if root is None:
        broken("structure", say("the manifest names no model"))
        return None
    return folder / "Data" / root.path


def _build_inspection(
    path: Path,
    entry: Path,
    found: _CoremlModel | None,
    files: list[tuple[Path, str]],
    defects: list[Defect],
    pointers: list[LfsPointer],
    by_content: bool,
) -> Inspection:
    if found and found.error:
        error = found.error
        defects.append(error.of(entry.name))
    fields: dict[str, Any] = {}
    if found:
        fields = {
            "architecture": found.kind,
            "task": "tensors" if found.inputs and found.outputs else "",
            "producer": found.metadata.get("com.github.apple.coremltools.version", ""),
            "inputs": tuple(found.inputs),
            "outputs": tuple(found.outputs),
            "parameters": found.weights.parameters if found.weights.tensors and not found.error else None,
            "tensors": found.weights.tensors or None,
            "datatypes": dict(found.weights.datatypes),
            "operators": tuple(Operator("coreml", name, count) for name, count in found.operators.most_common()),
            "versions": {"coreml": found.version} if found.version else {},
            "license": found.metadata.get("license", ""),
            "metadata": found.metadata,
        }
        if fields["producer"]:
            fields["producer"] = f"coremltools {fields['producer']}"
    model = ModelInfo(
        name=name_of(path),
        path=str(path.absolute()),
        format=CoreMl.name if path == entry else CoreMlPackage.name,
        entry=str(entry.absolute()),
        files=files_of(path if path.is_dir() else path.parent, files),
        **fields,
    )
    version = found.version if found else 0
    unread = Unknown(say("{file} is damaged before its version", file=entry.name))
    return build_inspection(
        model,
        defects=defects,
        pointers=pointers,
        versions=(FormatVersion(kind="coreml", version=version),) if version else unread,
        by_content=by_content,
    )


FILE = CoreMl()
PACKAGE = CoreMlPackage()
