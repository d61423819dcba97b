"""What a folder of a text generator says to a server: its chat template, and the heads that devices can share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from airworthy.artifacts.configuration import attention, shape
from airworthy.artifacts.configuration.companions import CONFIG_LIMIT
from airworthy.artifacts.encodings.source import Source
from airworthy.core import keys
from airworthy.core.facts import Absent, Fact, Known, Unknown
from airworthy.core.messages import say

_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_SETTINGS = "tokenizer_config.json"
_GENERATORS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_ENCODERS = (
    "T5",
    "MT5",
    "UMT5",
    "Bart",
    "MBart",
    "Pegasus",
    "Marian",
    "M2M100",
    "Whisper",
    "Speech2Text",
    "LED",
    "Blip",
)
"""Generators that translate, sum up, transcribe or caption; they do not chat."""
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")


def facts_of(folder: Path) -> dict[str, Fact]:
    """The facts about generation of a folder with a `config.json`; none where there is no such file."""
    if not (folder / "config.json").is_file():
        return {}
    config = _read(folder / "config.json")
    settings = _read(folder / _SETTINGS)
    return {
        keys.MODEL_ATTENTION_HEADS.name: _heads(config),
        keys.MODEL_CACHE.name: attention.of_configuration(config, generator=_generates(config) or _translates(config)),
        keys.MODEL_SHAPE.name: shape.of_configuration(config),
        keys.MODEL_CHAT_TEMPLATE.name: _template(folder, config, settings),
    }


def _heads(config: dict[str, Any] | None) -> Fact:
    if config is None:
        return Unknown(say("config.json cannot be read"))
    inner = config.get("text_config")
    for part in (config, inner if isinstance(inner, dict) else {}):
        heads = next((part[name] for name in _HEADS if isinstance(part.get(name), int)), 0)
        if 0 < heads < 1 << 16:
            return Known(heads, "config.json")
    return Absent("config.json")


def _template(folder: Path, config: dict[str, Any] | None, settings: dict[str, Any] | None) -> Fact:
    if config is None:
        return Unknown(say("config.json cannot be read"))
    if not _generates(config):
        return Absent("config.json")
    for name in _TEMPLATES:
        if (folder / name).is_file():
            return Known(name, name)
    if settings is None:
        return Unknown(say("{name} cannot be read", name=_SETTINGS))
    # A text, or a list of named ones.
    return Known(_SETTINGS if settings.get("chat_template") else "", _SETTINGS)


def _generates(config: dict[str, Any] | None) -> bool:
    named = (config or {}).get("architectures")
    classes = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    return any(name.endswith(_GENERATORS) and not name.startswith(_ENCODERS) for name in classes)


def _translates(config: dict[str, Any] | None) -> bool:
    """Whether an encoder reads the input, and a decoder looks back at what it made of it."""
    return (config or {}).get("is_encoder_decoder") is True


def _read(path: Path) -> dict[str, Any] | None:
    """A small JSON object; empty where there is no file, None where it is something else."""
    if not path.is_file():
        return {}
    try:
        with Source(path) as source:
            text = source.read(0, CONFIG_LIMIT + 1)
        if len(text) > CONFIG_LIMIT:
            return None
        return msgspec.json.decode(text, type=dict[str, Any])
    except (OSError, msgspec.DecodeError, ValueError, RecursionError):
        return None
