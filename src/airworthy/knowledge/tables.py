"""Reading the tables under `data/`, once, on the first question."""

from __future__ import annotations

import functools
import sys
from importlib.resources import files
from typing import Any

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The base of a table's row: what it says is in its subclass, where it is from is here."""

    source: str
    """The address of the page or file that says so."""
    checked: str
    """The day on which somebody looked, ISO 8601."""


@functools.cache
def read_table(name: str) -> dict[str, Any]:
    """A table of `data/NAME.toml` as plain data."""
    text = (files("airworthy.knowledge") / "data" / f"{name}.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return table


class Knowledge:
    """The questions that checks may ask of the tables."""
