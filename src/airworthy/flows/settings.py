"""The settings that hold for a model: `airworthy.toml` beside it or above it, then the environment, then flags."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airworthy.core.errors import SettingInvalid
from airworthy.core.messages import say
from airworthy.core.settings import ENVIRONMENT, Settings, from_environment, parse, resolve
from airworthy.flows.files import nearest, read

FILE_NAME = "airworthy.toml"
"""The name of a settings file."""


def load(
    beside: str | None = None,
    *,
    file: str | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Read and merge the settings.

    Args:
        beside: the model; the file is looked for from there upwards. The working directory without one.
        file: a settings file that is taken instead of looking for one.
        environment: variables; those of this process unless given.
        flags: what the command line sets, as tables of names; a None is no setting.

    Raises:
        SettingInvalid: a name that doesn't exist, or a value of the wrong kind.
        InputNotFound: `file` leads nowhere.
    """
    path = file if file is not None else find(beside)
    layers: list[tuple[str, Mapping[str, Any]]] = []
    if path is not None:
        layers.append((path, parse(_decode(read(path), path), path)))
        if file is None:
            layers += _demanded_above(path)
    layers.append((ENVIRONMENT, from_environment(os.environ if environment is None else environment)))
    layers.append((say("the command line"), _given(flags or {})))
    settings = Settings()
    for count, (source, _) in enumerate(layers, 1):
        # One layer more each time, so that a wrong value is laid at the door of the layer that brought it.
        settings = resolve(*(layer for _, layer in layers[:count]), source=source)
    return settings


def find(beside: str | None = None) -> str | None:
    """The settings file that holds for a model: in its folder, or in the nearest one above it."""
    found = nearest(FILE_NAME, beside)
    return None if found is None else str(found)


def _demanded_above(path: str) -> list[tuple[str, dict[str, Any]]]:
    """The signature that the outermost settings file asks for: a model may bring settings, but none that admit it."""
    found: list[tuple[str, dict[str, Any]]] = []
    for folder in Path(path).parent.parents:
        outer = folder / FILE_NAME
        with contextlib.suppress(OSError, ValueError):
            if outer.is_file():
                asked = parse(_decode(read(str(outer)), str(outer)), str(outer)).get("serve", {})
                if asked.get("require_signature"):
                    found = [(str(outer), {"serve": {"require_signature": asked["require_signature"]}})]
    return found


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = say("not UTF-8: byte {position}", position=error.start)
        raise SettingInvalid(source=path, problem=problem, suggestion=say("save it as UTF-8")) from None


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among the flags, without those that were not given."""
    return {
        name: _given(value) if isinstance(value, Mapping) else value
        for name, value in flags.items()
        if value is not None
    }
