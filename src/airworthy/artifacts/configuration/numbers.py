"""Whole numbers of a configuration, under any of the names that its writers use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_CONFIGURED_NUMBER = 1 << 30
"""The largest number that is taken for one."""
MAX_LAYERS = 4096
"""Layers that are taken for real ones."""
_INNER = ("text_config", "llm_config", "language_config", "thinker_config")


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with that of its language model, where it has several, on top."""
    found = dict(config)
    for name in _INNER:
        inner = found.get(name)
        if isinstance(inner, dict):
            found = flat({**found, **inner, name: None})
    return found


def number(config: Mapping[str, Any], *names: str) -> int:
    """The first of these that is a whole number above 0; 0 where none is."""
    found = (config[name] for name in names if type(config.get(name)) is int)
    return next((each for each in found if 0 < each < MAX_CONFIGURED_NUMBER), 0)


def numbers(config: Mapping[str, Any], *names: str) -> list[int] | None:
    """The first of these that is a list of whole numbers, one a layer; None where none is."""
    for name in names:
        value = config.get(name)
        if (
            isinstance(value, list)
            and 0 < len(value) <= MAX_LAYERS
            and all(type(each) in (int, bool) and 0 <= each < MAX_CONFIGURED_NUMBER for each in value)
        ):
            return [int(each) for each in value]
    return None


def of_texts(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The numbers and lists of numbers in the metadata of a GGUF file, without the architecture before their names."""
    prefix = metadata.get("general.architecture", "") + "."
    found: dict[str, Any] = {}
    for key, text in metadata.items():
        if key.startswith(prefix) and len(prefix) > 1:
            value = _value(text)
            if value is not None:
                found[key[len(prefix) :]] = value
    return found


def _value(text: str) -> int | list[int] | bool | None:
    if text in ("true", "false"):
        return text == "true"
    if text.isascii() and text.isdigit() and len(text) < 11:
        return int(text)
    if text.startswith("[") and text.endswith("]"):
        items = [{"true": "1", "false": "0"}.get(each, each) for each in text[1:-1].split(", ")]
        if all(each.isascii() and each.isdigit() and len(each) < 11 for each in items):
            return [int(each) for each in items]
    return None
