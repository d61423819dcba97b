"""Keras models: the HDF5 file of Keras 1 and 2, plain HDF5 weights, and the `.keras` archive of Keras 3."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.hdf5 import MAGIC, Hdf5File
from airworthy.artifacts.encodings.source import Held, Slice, Source
from airworthy.artifacts.encodings.zips import LOCAL_MAGIC, ZipMember, place, read_archive, read_member
from airworthy.artifacts.formats.file_format import FileFormat, goes_on
from airworthy.artifacts.formats.keras_code import acting_parts
from airworthy.artifacts.formats.keras_config import described, read_inputs
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, Operator
from airworthy.core.values import Defect, EmbeddedCode

MOST_CONFIG = 64 * 1024 * 1024
"""Bytes of a model's configuration that are read."""
MOST_HELD = 256 * 1024 * 1024
"""Bytes of packed weights that are unpacked to be inspected."""
_WEIGHTS = "model.weights.h5"


@dataclass
class _Contents:
    name: str
    config: Any = None
    metadata: dict[str, str] = field(default_factory=dict)
    weights: Hdf5File | None = None
    defects: list[Defect] = field(default_factory=list)
    code: list[EmbeddedCode] | Unknown = field(default_factory=list)

    def damaged(self, member: str, error: Damaged) -> None:
        self.defects.append(error.of(member))

    def configure(self, text: str | bytes, member: str, *, compiled: bool = False) -> None:
        """Read a configuration: the model's, or the one that it is trained on with."""
        try:
            if len(text) > MOST_CONFIG:
                raise ValueError(say("it is larger than {limit:bytes}", limit=MOST_CONFIG))
            config = json.loads(text)
            if not compiled:
                self.config = config
            found = list(acting_parts(config, member))
            self.code = self.code if isinstance(self.code, Unknown) else [*self.code, *found]
        except (ValueError, RecursionError) as error:
            problem = " ".join(str(error).split())[:200]
            self.damaged(member, Damaged("structure", say("the configuration is not JSON: {problem}", problem=problem)))
            self.code = Unknown(say("the configuration of {member} cannot be read", member=member))

    def hold(self, weights: Hdf5File, member: str) -> None:
        self.weights = weights
        for problem in weights.problems:
            self.damaged(member, problem)
        for path in weights.external:
            detail = say("{path} lies in another file", path=path[:200])
            self.damaged(member, Damaged("path", detail))


class Hdf5(FileFormat):
    """The HDF5 file."""

    name = "hdf5"
    suffixes: tuple[str, ...] = (".h5", ".hdf5", ".hdf", ".weights.h5")

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it begins as HDF5 does."""
        return head.startswith(MAGIC)

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read groups and attributes; elements are not read."""
        contents = _Contents(path.name)
        file = Hdf5File(source)
        contents.hold(file, path.name)
        attributes = file.attributes
        for key in ("keras_version", "backend"):
            if isinstance(value := attributes.get(("", key)) or attributes.get(("/model_weights", key)), str):
                contents.metadata[key] = value[:200]
        config = attributes.get(("", "model_config"))
        if isinstance(config, str):
            contents.configure(config, path.name)
            if isinstance(training := attributes.get(("", "training_config")), str):
                contents.configure(training, path.name, compiled=True)
        elif file.problems or file.unread:
            contents.code = Unknown(say("not all of {file} can be read", file=path.name))
        return _build_inspection(path, self, contents, head.startswith(MAGIC))


class Keras(FileFormat):
    """The archive."""

    name = "keras"
    suffixes: tuple[str, ...] = (".keras",)

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is an archive with a configuration and Keras's metadata, or a configuration alone as JSON."""
        if head[:4] != LOCAL_MAGIC:
            return _is_configuration(path, head)
        return goes_on(path, _holds_model)

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read the configuration and the weights' headers."""
        contents = _Contents(path.name)
        if _begins_as_json(head):
            contents.configure(source.read(0, min(source.size, MOST_CONFIG + 1)), path.name)
            return _build_inspection(path, self, contents, True)
        archive = read_archive(source)
        contents.defects += archive.defects
        by_name = {member.name: member for member in archive.members}
        whole = {"config.json", "metadata.json"} <= by_name.keys()
        for name in ("config.json", "metadata.json", _WEIGHTS):
            if name in by_name:
                _read_member(source, by_name[name], contents)
            elif not contents.defects:
                detail = say("the archive holds no {name}", name=name)
                contents.damaged(name, Damaged("missing" if whole else "structure", detail))
        if "config.json" not in by_name:
            contents.code = Unknown(say("the configuration of {member} cannot be read", member=path.name))
        return _build_inspection(path, self, contents, whole)


def _holds_model(source: Source) -> bool:
    return {"config.json", "metadata.json"} <= {member.name for member in read_archive(source).members}


def _begins_as_json(head: bytes) -> bool:
    return head.lstrip()[:1] == b"{"


def _is_configuration(path: Path, head: bytes) -> bool:
    """Whether a text is what `model.to_json()` gives: an object that names its class and has a configuration."""
    if not _begins_as_json(head) or b'"class_name"' not in head or b'"config"' not in head:
        return False
    try:
        with Source(path) as source:
            found = json.loads(source.read(0, MOST_CONFIG)) if source.size <= MOST_CONFIG else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("class_name"), str) and "config" in found


def _read_member(source: Source, member: ZipMember, contents: _Contents) -> None:
    try:
        if member.name == _WEIGHTS:
            contents.hold(Hdf5File(_opened(source, member)), member.name)
            return
        raw = read_member(source, member, MOST_CONFIG)
        if member.name == "config.json":
            contents.configure(raw, member.name)
            return
        found = json.loads(raw)
        if isinstance(found, dict):
            texts = {str(key)[:200]: str(value)[:200] for key, value in found.items() if isinstance(value, (str, int))}
            contents.metadata |= texts
    except Damaged as error:
        contents.damaged(member.name, error)
        if member.name == "config.json":
            contents.code = Unknown(error.detail)
    except (ValueError, RecursionError) as error:
        contents.damaged(member.name, Damaged("structure", " ".join(str(error).split())[:200]))


def _opened(source: Source, member: ZipMember) -> Source:
    if member.method == 0:
        return Slice(source, place(source, member), member.size, member.name)
    return Held(read_member(source, member, MOST_HELD), member.name)


def _build_inspection(path: Path, format_: FileFormat, contents: _Contents, by_content: bool) -> Inspection:
    weights: Counter[str] = Counter()
    datasets = contents.weights.datasets if contents.weights else []
    parameters = 0
    for each in datasets:
        # What an optimizer remembers is stored beside the weights, and is none.
        if each.path.startswith(("/optimizer_weights", "/optimizer")):
            continue
        weights[each.type.element.name] += math.prod(each.shape) * each.type.size
        parameters += math.prod(each.shape)
    version, backend = contents.metadata.get("keras_version", ""), contents.metadata.get("backend", "")
    metadata = dict(contents.metadata)
    if contents.weights and contents.weights.unread:
        metadata["not read"] = "; ".join(sorted(contents.weights.unread))
    layers = described(contents.config)
    model = format_.model(
        path,
        architecture=layers.name,
        task="tensors" if layers.counts else "",
        producer=f"keras {version}{f' ({backend})' if backend else ''}" if version else "",
        parameters=parameters if datasets else None,
        tensors=len(datasets) if contents.weights else None,
        datatypes=dict(weights),
        inputs=read_inputs(contents.config),
        operators=tuple(Operator("keras", name, count) for name, count in layers.counts.most_common()),
        metadata=metadata,
    )
    return build_inspection(model, defects=contents.defects, code=contents.code, by_content=by_content)


def stored(path: Path) -> Iterator[Stored]:
    """Where contiguous datasets lie; of chunked and packed ones it is said that they are."""
    with Source(path) as source:
        base, file, note = 0, None, ""
        if source.read(0, 4) == LOCAL_MAGIC:
            member = next((each for each in read_archive(source).members if each.name == _WEIGHTS), None)
            if member is None:
                return
            try:
                base = place(source, member)
                note = say("it is packed within an archive that is packed") if member.method else ""
                file = Hdf5File(_opened(source, member))
            except Damaged:
                return
        else:
            file = Hdf5File(source)
        for each in file.datasets:
            if each.type.kind not in ("int", "uint", "float"):
                continue
            size = math.prod(each.shape) * each.type.size
            name, element = each.path[1:], each.type.element.name
            if each.address is None or note:
                why = note or say("its elements lie in chunks, or were never written")
                yield Stored(name, element, each.shape, path, 0, size, note=why)
            else:
                yield Stored(name, element, each.shape, path, base + each.address, size, each.type.big_endian)


HDF5 = Hdf5()
KERAS = Keras()
