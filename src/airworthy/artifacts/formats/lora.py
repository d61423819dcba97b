"""Adapters as PEFT lays them out: a small set of weights, and a configuration that names the model they change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from airworthy.artifacts.configuration.companions import CONFIG_LIMIT
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.folders import walk
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import defect_in, pointer_in
from airworthy.core import keys
from airworthy.core.facts import Facts, Known
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.values import Defect, EmbeddedCode, LfsPointer

CONFIG = "adapter_config.json"
"""The file that makes a folder an adapter."""
_WEIGHTS = (("adapter_model.safetensors", "safetensors"), ("adapter_model.bin", "pytorch"))


class Lora:
    """The format."""

    name = "lora"
    suffixes: tuple[str, ...] = ()
    folder = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the folder holds an adapter's configuration and no whole model of its own."""
        return not head and (path / CONFIG).is_file() and not (path / "config.json").is_file()

    def inspect(self, path: Path) -> Inspection:
        """Read the configuration and the weights' headers."""
        defects: list[Defect] = []
        pointers: list[LfsPointer] = []
        config = _read(path, defects, pointers)
        code = _code(config)
        entry = next(((path / name, FORMATS.get(each)) for name, each in _WEIGHTS if (path / name).is_file()), None)
        found = None
        if entry is None:
            detail = say(
                "{config} is there, and neither {names} is", config=CONFIG, names=tuple(n for n, _ in _WEIGHTS)
            )
            defects.append(Defect(member=_WEIGHTS[0][0], kind="missing", detail=detail))
        else:
            found = entry[1].inspect(entry[0])
            whole, pointed = found.facts.value(keys.MODEL_DEFECTS), found.facts.value(keys.MODEL_LFS_POINTERS)
            defects += whole
            pointers += pointed
        place = entry[0] if entry else path / CONFIG
        told = {name: _text(config.get(key)) for name, key in _TOLD.items()}
        model = ModelInfo(
            name=name_of(path),
            path=str(path.absolute()),
            format=self.name,
            entry=str(place.absolute()),
            files=files_of(path, [(each, entry[1].name if entry and each == entry[0] else "") for each in walk(path)]),
            architecture=_text(config.get("peft_type")) or "adapter",
            producer=f"peft {_text(config.get('peft_version'))}" if config.get("peft_version") else "",
            parameters=found.model.parameters if found else None,
            tensors=found.model.tensors if found else None,
            datatypes=found.model.datatypes if found else {},
            metadata={name: text for name, text in told.items() if text},
        )
        made = build_inspection(model, defects=defects, pointers=pointers, code=code)
        return Inspection(model, Facts(made.facts.merged(_pickled(found))))


_TOLD = {
    "base model": "base_model_name_or_path",
    "revision": "revision",
    "rank": "r",
    "alpha": "lora_alpha",
    "target modules": "target_modules",
    "task": "task_type",
}


def _pickled(found: Inspection | None) -> dict[str, Any]:
    """What the weights' pickles import, where there are any."""
    name = keys.MODEL_PICKLE_IMPORTS.name
    return {name: found.facts[name]} if found else {name: Known((), CONFIG)}


def _read(folder: Path, defects: list[Defect], pointers: list[LfsPointer]) -> dict[str, Any]:
    path = folder / CONFIG
    with Source(path) as source:
        text = source.read(0, CONFIG_LIMIT)
    if pointer := pointer_in(path.absolute(), text):
        pointers.append(pointer)
    elif defect := defect_in(CONFIG, text):
        defects.append(defect)
    else:
        try:
            return msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            detail = say("it is not a JSON object: {problem}", problem=error)
            defects.append(Defect(member=CONFIG, kind="structure", detail=detail, offset=0))
    return {}


def _code(config: dict[str, Any]) -> list[EmbeddedCode]:
    """An adapter may name a class of a user's module, which PEFT imports to build the model below it."""
    mapping = config.get("auto_mapping")
    if not isinstance(mapping, dict):
        return []
    module = mapping.get("parent_library")
    if not isinstance(module, str) or module.partition(".")[0] in ("transformers", "diffusers", "peft"):
        return []
    name = f"{module}.{_text(mapping.get('base_model_class'))}"[:200]
    return [EmbeddedCode(member=CONFIG, kind="auto-map", name=name, detail=say("the loader imports it"))]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)[:300]
    return str(value)[:300] if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


FORMAT = Lora()
