"""Settings from their sources: a file, the environment, options; a later layer wins.

An unknown or ill-typed setting is an error that names the near one; nothing is passed over.
"""

from __future__ import annotations

import difflib
import enum
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from airworthy.core.errors import SettingInvalid
from airworthy.core.messages import say
from airworthy.core.settings.renamed import RENAMED, redirected
from airworthy.core.settings.section import Section, ValueRefused
from airworthy.core.settings.tables import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENVIRONMENT_PREFIX = "AIRWORTHY_"
"""`AIRWORTHY_SERVE_PORT=9000` sets `[serve] port`; `AIRWORTHY_SERVE_CACHE_TTL=60` sets `[serve.cache] ttl`."""

_REFUSAL = re.compile(r"(?P<problem>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?", re.DOTALL)
"""A refusal of msgspec: what it expected, and the path of the value."""
_SECRET = frozenset({"key", "password", "url"})
"""Settings whose value is not repeated."""


ENVIRONMENT = "the environment"
"""What the layer of the environment's variables is called."""


def parse(text: str, source: str) -> dict[str, Any]:
    """A settings file as plain data, its names checked, old names under their new ones.

    Raises:
        SettingInvalid: not TOML, or it holds a name that doesn't exist.
    """
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingInvalid(source=source, problem=f"not TOML: {error}", suggestion="mend the line named") from None
    data = redirected(data, source)
    _check_names(data, Settings, source, "")
    return data


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings among the environment's variables, as plain data; a list has commas between its items.

    Raises:
        SettingInvalid: a variable begins with `AIRWORTHY_` and names no setting.
    """
    data: dict[str, Any] = {}
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            given = variable[len(ENVIRONMENT_PREFIX) :].lower()
            path, value = _named_by(given, text)
            layer: Any = value
            for name in reversed(path):
                layer = {name: layer}
            source = f"environment variable {variable}"
            layer = redirected(layer, source)
            _check_names(layer, Settings, source, "")
            _merge(data, layer)
    return data


def resolve(*layers: Mapping[str, Any], source: str = "settings") -> Settings:
    """One set of settings from layers of plain data, a later layer winning.

    Raises:
        SettingInvalid: a value has the wrong type or lies outside its bounds.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge(merged, layer)
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error, merged, source) from None


def variables() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name of every variable of the environment, and the path of the setting that it sets."""
    for path, field in _leaves(Settings, ()):
        if _from_text(field):
            yield f"{ENVIRONMENT_PREFIX}{'_'.join(path)}".upper(), path


def is_table(kind: object) -> bool:
    """Whether the type of a setting is a table of settings."""
    return isinstance(kind, type) and issubclass(kind, Section)


def _leaves(struct: type[Section], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for field in msgspec.structs.fields(struct):
        path = (*above, field.name)
        if is_table(field.type):
            yield from _leaves(field.type, path)
        else:
            yield path, field


def _from_text(field: msgspec.structs.FieldInfo) -> bool:
    """Whether a variable can set it: a plain value, or a list of texts; not a list of tables."""
    return not isinstance(field.default, tuple) or not is_table(typing.get_args(field.type)[0])


def _named_by(given: str, text: str) -> tuple[tuple[str, ...], Any]:
    """The path that a variable's name means, and its value; a path that leads nowhere where it names no setting."""
    for path, field in _leaves(Settings, ()):
        if "_".join(path) == given and _from_text(field):
            return path, text.split(",") if isinstance(field.default, tuple) else text
    for old, new in RENAMED.items():
        if old.replace(".", "_") == given:
            return _named_by(new.replace(".", "_"), text)
    table, _, name = given.partition("_")
    return (table, name), text


def _merge(target: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Add a layer of tables, whose values win."""
    for name, value in layer.items():
        if isinstance(value, Mapping) and isinstance(target.setdefault(name, {}), dict):
            _merge(target[name], value)
        else:
            target[name] = value


def _check_names(data: Mapping[str, Any], struct: type[Section], source: str, prefix: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for name, value in data.items():
        if name not in fields:
            raise SettingInvalid(
                source=source,
                problem=say("there is no setting `{name}`", name=prefix + name),
                suggestion=_suggestion(name, struct, prefix),
            )
        if is_table(fields[name]):
            if not isinstance(value, Mapping):
                problem = say("`{name}` is a table", name=prefix + name)
                suggestion = say("write [{name}] and its settings", name=prefix + name)
                raise SettingInvalid(source=source, problem=problem, suggestion=suggestion)
            _check_names(value, fields[name], source, f"{prefix}{name}.")


def _suggestion(name: str, struct: type[Section], prefix: str) -> str:
    known = [field.name for field in msgspec.structs.fields(struct)]
    deeper = {path[-1]: ".".join(path) for path, _ in reversed([*_leaves(struct, ())])}
    near = difflib.get_close_matches(name, [*known, *deeper], n=1, cutoff=0.5)
    if near:
        return say("did you mean `{near}`?", near=prefix + str(deeper.get(near[0], near[0])))
    return say("settings here: {known}", known=[prefix + each for each in known])


def _invalid(error: msgspec.ValidationError, merged: Mapping[str, Any], source: str) -> SettingInvalid:
    """A refusal in our words: the setting, its value, and what it must be."""
    found = _REFUSAL.fullmatch(str(error))
    place = (found and found["place"]) or ""
    if place and source == ENVIRONMENT:
        name = ENVIRONMENT_PREFIX + re.sub(r"\W", "_", place.partition("[")[0]).upper()
        source = say("environment variable {name}", name=name)
    if isinstance(error.__cause__, ValueRefused):
        cause = error.__cause__
        return SettingInvalid(source=source, problem=cause.problem, suggestion=cause.suggestion)
    choices = _choices(place)
    expected = (
        say("expected one of {choices}", choices=choices) if choices else found["problem"] if found else str(error)
    )
    if place.rpartition(".")[2] in _SECRET:
        problem = say("`{place}`: {expected}", place=place, expected=expected)
    else:
        problem = say("`{place}` is {value!r}: {expected}", place=place, value=_at(merged, place), expected=expected)
    return SettingInvalid(
        source=source, problem=problem, suggestion=say("give a value of that type, within its bounds")
    )


def _choices(place: str) -> list[str]:
    """The values that a setting may have, where they are counted."""
    kind: Any = Settings
    for step in re.findall(r"[^.\[\]]+", place):
        if typing.get_origin(kind) is tuple:
            kind = typing.get_args(kind)[0]
        elif is_table(kind):
            kind = {field.name: field.type for field in msgspec.structs.fields(kind)}.get(step)
    if typing.get_origin(kind) is typing.Literal:
        return [str(value) for value in typing.get_args(kind)]
    return [str(each.value) for each in kind] if isinstance(kind, type) and issubclass(kind, enum.Enum) else []


def _at(data: Any, place: str) -> Any:
    """The value at a path of msgspec's, `serve.upstreams[0].weight`."""
    try:
        for step in re.findall(r"[^.\[\]]+", place):
            data = data[int(step)] if isinstance(data, (list, tuple)) else data[step]
    except (KeyError, IndexError, ValueError, TypeError):
        return None
    return data
