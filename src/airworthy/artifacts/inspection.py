"""From what a format read to its `Inspection`: the one place where the `model.*` facts are made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from airworthy.artifacts.signing.signatures import signature_of
from airworthy.core import keys
from airworthy.core.facts import Absent, Fact, Facts, Known, Unknown
from airworthy.core.messages import say
from airworthy.core.model import FileInfo, Inspection, ModelInfo
from airworthy.core.values import (
    Defect,
    EmbeddedCode,
    FormatVersion,
    LfsPointer,
    ModelConfiguration,
    ModelSignature,
    PickleImport,
)

MOST_DEFECTS = 20
"""Defects of one model that are reported; a damaged header can make thousands."""
GENERIC_NAMES = ("model", "pytorch_model", "onnx", "checkpoint", "weights")
"""File and folder names that say nothing; the folder above them names the model."""


def build_inspection(
    model: ModelInfo,
    *,
    defects: Iterable[Defect] = (),
    pointers: Iterable[LfsPointer] = (),
    imports: Iterable[PickleImport] | Unknown = (),
    versions: Iterable[FormatVersion] | Unknown = (),
    code: Iterable[EmbeddedCode] | Unknown = (),
    configuration: ModelConfiguration | Unknown | None = None,
    by_content: bool = True,
) -> Inspection:
    """Join a model and what was found in its files.

    Args:
        model: what it is.
        defects: where its files disagree with their format.
        pointers: Git LFS pointers among the files that an engine needs.
        imports: names that its pickles import, or why that could not be determined.
        versions: versions that it demands, or why that could not be determined.
        code: what in it acts, or why that could not be determined.
        configuration: what its `config.json` asks for, why that could not be determined, or None where it has none.
        by_content: whether the format was recognised by content, not guessed from the suffix.
    """
    source = model.entry
    guess = say("the suffix of {entry}; the content was not recognised", entry=model.entry)
    facts: dict[str, Fact] = {
        keys.MODEL_PATH.name: Known(model.path, source),
        keys.MODEL_FORMAT.name: Known(model.format, source if by_content else guess),
        keys.MODEL_ENTRY_FORMAT.name: Known(model.entry_format, source if by_content else guess),
        keys.MODEL_SIZE.name: Known(model.size, source),
        keys.MODEL_DATATYPES.name: Known(tuple(sorted(model.datatypes, key=lambda t: -model.datatypes[t])), source),
        keys.MODEL_WEIGHTS.name: Known(weights, source)
        if (weights := sum(model.datatypes.values()))
        else Absent(source),
        keys.MODEL_CACHE.name: Absent(source),
        keys.MODEL_SHAPE.name: Absent(source),
        # Only a folder with a configuration reports these; its format puts them in.
        keys.MODEL_ATTENTION_HEADS.name: Absent(source),
        keys.MODEL_CHAT_TEMPLATE.name: Absent(source),
        keys.MODEL_DEFECTS.name: Known(tuple(defects)[:MOST_DEFECTS], source),
        keys.MODEL_LFS_POINTERS.name: Known(tuple(pointers), source),
        keys.MODEL_PICKLE_IMPORTS.name: _fact(imports, source),
        keys.MODEL_FORMAT_VERSIONS.name: _fact(versions, source),
        keys.MODEL_CODE.name: _fact(code, source),
        keys.MODEL_MISNAMED.name: Known((), source),
        keys.MODEL_CONFIGURATION.name: _configured(configuration, source),
        keys.MODEL_SIGNATURE.name: _signature(Path(model.path)),
    }
    return Inspection(model, Facts(facts))


def _fact(values: Iterable[object] | Unknown, source: str) -> Known | Unknown:
    return values if isinstance(values, Unknown) else Known(tuple(values), source)


def _configured(configuration: ModelConfiguration | Unknown | None, source: str) -> Fact:
    if configuration is None:
        return Absent(say("there is no readable config.json with {entry}", entry=source))
    return configuration if isinstance(configuration, Unknown) else Known(configuration, source)


def _signature(path: Path) -> Fact:
    signature = signature_of(path)
    if not os.path.lexists(signature):
        return Absent(say("there is no {path}", path=signature))
    return Known(ModelSignature(path=str(signature), state="unproven"), str(signature))


def files_of(folder: Path, paths: Sequence[tuple[Path, str]]) -> tuple[FileInfo, ...]:
    """Files with their sizes: each path with its format. One that can't be inspected counts zero bytes."""
    found = []
    for path, format_ in paths:
        try:
            size = path.stat().st_size
        except (OSError, ValueError):
            size = 0
        found.append(FileInfo(path.relative_to(folder).as_posix(), size, format_))
    return tuple(found)


def name_of(path: Path) -> str:
    """The name that a model is served under: its file's, or its folder's where the file's says nothing."""
    absolute = path.absolute()
    if absolute.is_dir():
        return absolute.name or "model"
    for name in (absolute.stem, absolute.parent.name, absolute.parent.parent.name):
        if name and name.lower() not in GENERIC_NAMES:
            return name
    return absolute.stem or "model"
