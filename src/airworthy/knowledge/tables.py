"""Reading the tables under `data/`, once, on the first question."""

from __future__ import annotations

import functools
import sys
from importlib.resources import files
from typing import Any, TypeVar

import msgspec

from airworthy.core.facts import decode_value

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a table's row: what it says is in its subclass, where it is from is here."""

    source: str
    """The address of the page or file that says so."""
    checked: str
    """The day on which somebody looked, ISO 8601."""


R = TypeVar("R", bound=Row)


@functools.cache
def read_table(name: str) -> dict[str, Any]:
    """A table of `data/NAME.toml` as plain data."""
    text = (files("airworthy.knowledge") / "data" / f"{name}.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return table


@functools.cache
def rows(name: str, section: str, row: type[R]) -> tuple[R, ...]:
    """The rows of `[[SECTION]]` in `data/NAME.toml`, in the file's order."""
    return tuple(msgspec.convert(read_table(name)[section], list[row], dec_hook=decode_value))  # type: ignore[valid-type]
