"""Comparing what a page says with a table, and writing what changed into the table's file."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Row = dict[str, Any]


class Difference(NamedTuple):
    """What a page says beyond, and against, a table."""

    added: list[Row]
    """Rows that the table lacks."""
    changed: list[tuple[Row, Row]]
    """Rows of the table, each with what the page says now."""
    same: list[Row]
    """Rows of the table that the page confirms."""
    gone: list[Row]
    """Rows of the table from that publisher that the page no longer has; they stay, as old releases do."""

    def text(self) -> str:
        """The difference as lines, `+` for what is new."""
        lines = [f"+ {_told(row)}" for row in self.added]
        for old, new in self.changed:
            lines += [f"- {_told(old)}", f"+ {_told(new)}"]
        lines += [f"? {_told(row)} (not on the page; kept)" for row in self.gone]
        counts = (len(self.added), len(self.changed), len(self.same), len(self.gone))
        return "\n".join([*lines, "{} new, {} changed, {} confirmed, {} not there".format(*counts)])


def _told(row: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in row.items() if name not in {"source", "checked"})


def compare(old: Iterable[Row], new: Iterable[Row], key: tuple[str, ...]) -> Difference:
    """Rows matched by their key; of what the page says, only the fields that it tells are compared."""
    there: dict[tuple[Any, ...], Row] = {}
    for row in old:
        there.setdefault(_key(row, key), row)
    told = {_key(row, key): row for row in new}
    added = [row for at, row in told.items() if at not in there]
    changed, same = [], []
    for at, row in told.items():
        if at in there:
            differs = any(there[at].get(name) != value for name, value in row.items())
            (changed.append((there[at], row)) if differs else same.append(there[at]))
    return Difference(added, changed, same, [row for at, row in there.items() if at not in told])


def compare_ranges(old: Iterable[Row], releases: Iterable[Row]) -> Difference:
    """A page's releases against rows that each hold for a range of them, `since` to `until`.

    What a row says otherwise becomes a row of its own, put before it: the first that fits is asked.
    """
    table = list(old)
    ordered = sorted(releases, key=lambda row: _numbers(row["release"]), reverse=True)
    added: list[Row] = []
    same: list[Row] = []
    met: list[Row] = []
    joins = False
    for row in ordered:
        fields = {name: value for name, value in row.items() if name != "release"}
        there = next((each for each in table if _holds(each, row["release"])), None)
        if there is not None and there not in met:
            met.append(there)
        if there is not None and all(there.get(name) == value for name, value in fields.items()):
            if there not in same:
                same.append(there)
            joins = False
            continue
        if joins and {name: added[-1][name] for name in fields} == fields:
            added[-1]["since"] = row["release"]
        else:
            added.append({"package": fields["package"], "since": row["release"], "until": row["release"], **fields})
        joins = True
    return Difference(added, [], same, [row for row in table if row not in met])


def _holds(row: Mapping[str, Any], release: str) -> bool:
    asked, since, until = (_numbers(str(text)) for text in (release, row["since"], row.get("until", "9999")))
    return since[: len(asked)] <= asked and asked[: len(until)] <= until[: len(asked)]


def _numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d{1,9}", version)[:4]]


def _key(row: Mapping[str, Any], key: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value := row.get(name), list) else value for name in key)


_BLOCK = re.compile(r"(?m)^\[\[(\w+)\]\]\n(?:(?!\[\[)(?!#)[^\n]*\n)*")


def written(
    text: str, section: str, difference: Difference, source: str, checked: str, *, newest_first: bool = True
) -> str:
    """A table's text with the difference in it: comments, and rows that nothing is said of, as they were."""
    confirmed, new_of = difference.same, [(old, new) for old, new in difference.changed]
    pieces, at, first, last = [], 0, None, None
    for match in _BLOCK.finditer(text):
        pieces.append(text[at : match.start()])
        at, block = match.end(), match.group()
        if match[1] == section:
            row = tomllib.loads(block)[section][0]
            if row in confirmed:
                block = re.sub(r'(?m)^checked = ".*"$', f'checked = "{checked}"', block)
            else:
                new = next((new for old, new in new_of if old == row), None)
                if new is not None:
                    gap = "\n" if block.endswith("\n\n") else ""
                    block = _block(section, {**row, **new, "source": source, "checked": checked}) + gap
            first = len(pieces) if first is None else first
            last = len(pieces)
        pieces.append(block)
    pieces.append(text[at:])
    rows = [_block(section, {**row, "source": source, "checked": checked}) for row in difference.added]
    if rows:
        if first is None or last is None:
            raise ValueError(f"there is no [[{section}]] to put new rows beside")
        if newest_first:
            pieces[first] = "\n".join(rows) + "\n" + pieces[first]
        else:
            pieces[last] = pieces[last].rstrip("\n") + "\n\n" + "\n".join(rows) + ("\n" if at < len(text) else "")
    return "".join(pieces)


def _block(section: str, row: Mapping[str, Any]) -> str:
    lines = [f"{name} = {_value(value)}" for name, value in row.items() if value not in (None, "", [])]
    return "\n".join([f"[[{section}]]", *lines]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def replace(path: Path, text: str) -> None:
    """The file with another text, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
