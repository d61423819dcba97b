"""Reading the tables under `data/`, once, on the first question."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Protocol, TypeVar

import msgspec

from airworthy.core.facts import decode_value, encode_value
from airworthy.core.finding import Evidence
from airworthy.core.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a table's row: what it says is in its subclass, where it is from is here."""

    source: str
    """The address of the page or file that says so."""
    checked: str
    """The day on which it was checked, ISO 8601."""

    def evidence(self, table: str) -> Evidence:
        """The row as what decided: its content, and where that is from."""
        content: dict[str, Any] = msgspec.to_builtins(self, enc_hook=encode_value)
        source, checked = content.pop("source"), content.pop("checked")
        told = {name: value for name, value in content.items() if value not in (None, "", ())}
        return Evidence(fact=f"table {table}", value=told, source=f"{source} (looked up {checked})")


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


def within(version: Version, since: Version, until: Version | None) -> bool:
    """Whether a version lies in a range; the last one counts with all its patch releases, `2.6.1` in `2.6`."""
    if version < since and version.numbers[: len(since.numbers)] != since.numbers:
        return False
    return until is None or version.numbers[: len(until.numbers)] <= until.numbers


class _Since(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def since(self) -> Version: ...


S = TypeVar("S", bound=_Since)


def newest(table: Iterable[S], name: str, version: Version) -> S | None:
    """The row of a name that holds for a version: the one with the newest `since` not after it."""
    fitting = [row for row in table if row.name == name and row.since <= version]
    return max(fitting, key=lambda row: row.since, default=None)
