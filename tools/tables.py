"""Compares a knowledge table with the page of its publisher, and with `--write` brings it up to date.

python tools/tables.py --list                       the tables, and the page of each
python tools/tables.py --future                     ask each table about something newer than it, and show the answers
python tools/tables.py cuda_drivers                 ask the pages and show what differs
python tools/tables.py cuda_drivers --from FILE     the same from a saved page; - is standard input
python tools/tables.py cuda_drivers --write         change the table: all rows that the page tells, or nothing

A table with several pages takes one of them with `--page`, a part of its address. Rows that a page no longer has
are kept: old releases still exist.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import msgspec
from refresh import future
from refresh.by_hand import BY_HAND
from refresh.differ import Difference, compare, compare_ranges, replace, written
from refresh.reader import PageError, page
from refresh.sources import SOURCES, Source

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from airworthy import knowledge
from airworthy.core.facts import decode_value

DATA = Path(knowledge.__file__).parent / "data"


def main(arguments: list[str]) -> int:
    """Compare or write; the exit status: 0 nothing differs, 1 something does, 2 no answer."""
    parser = argparse.ArgumentParser(prog="tables.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", nargs="?", help="a table's name, cuda_drivers")
    parser.add_argument("--from", dest="saved", help="a saved page, or an address; - is standard input")
    parser.add_argument("--page", default="", help="a part of the address of the page that is meant")
    parser.add_argument("--section", default="", help="the part of the table that is meant")
    parser.add_argument("--write", action="store_true", help="change the table's file")
    parser.add_argument("--list", action="store_true", help="show the tables and their pages")
    parser.add_argument("--future", action="store_true", help="show what each table answers about something newer")
    asked = parser.parse_args(arguments)
    if asked.future:
        for row in future.table():
            print(" | ".join(row))
        return 0
    if asked.list or not asked.table:
        _list()
        return 0
    try:
        return _refresh(asked)
    except (PageError, msgspec.ValidationError) as error:
        print(f"{asked.table}: {error}", file=sys.stderr)
        return 2


def _list() -> None:
    for table, sections in sorted(SOURCES.items()):
        for section, sources in sections.items():
            for source in sources:
                print(f"{table}.{section}: {source.page}")
    for (table, section), reason in sorted(BY_HAND.items()):
        print(f"{table}.{section}: by hand, from {reason}")


def _refresh(asked: argparse.Namespace) -> int:
    told = [(s, reason) for (table, s), reason in BY_HAND.items() if table == asked.table]
    for section, reason in told:
        print(f"{asked.table}.{section}: by hand, from {reason}")
    meant = [
        (section, source)
        for section, sources in SOURCES.get(asked.table, {}).items()
        for source in sources
        if asked.page in source.page and asked.section in {"", section}
    ]
    if not meant:
        if not told:
            raise PageError("there is no such table or page: --list shows them")
        return 0
    if asked.saved and len(meant) > 1:
        pages = ", ".join(source.page for _, source in meant)
        raise PageError(f"a saved page is one of {pages}: say which with --page, or with --section")
    path = DATA / f"{asked.table}.toml"
    text = before = path.read_text(encoding="utf-8")
    differs = False
    for section, source in meant:
        difference = compared(text, section, source, page(asked.saved or source.page))
        print(f"{asked.table}.{section} and {source.page}\n{difference.text()}")
        differs = differs or bool(difference.added or difference.changed)
        today = dt.datetime.now(dt.timezone.utc).date().isoformat()
        text = written(text, section, difference, source.page, today, newest_first=source.newest_first)
        _validate(text, section, source)
    if not asked.write:
        return int(differs)
    if text != before:
        replace(path, text)
        print(f"wrote {path.name}")
    return 0


def compared(text: str, section: str, source: Source, saved: str) -> Difference:
    """What a page says against a table's text.

    Raises:
        PageError: the page holds something else.
    """
    old = [row for row in _rows(text, section) if source.about(row)]
    new = source.read(saved)
    fields = source.row.__struct_fields__
    if "names" in fields:
        new = _with_names(old, new)
    return (
        compare_ranges(old, new) if source.key == ("release",) and "since" in fields else compare(old, new, source.key)
    )


def _with_names(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Devices of the page that the table lacks; names that people found beside the page's stay."""
    known = {name for row in old for name in row["names"]}
    result = []
    for row in new:
        same = [each for each in old if all(each.get(key) == row[key] for key in ("vendor", "kind", "capability"))]
        fresh = [name for name in row["names"] if name not in known]
        if same:
            result.append({**row, "names": [*same[0]["names"], *fresh]})
        elif fresh:
            result.append({**row, "names": fresh})
    return result


def _rows(text: str, section: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(text)[section]
    return found


def _validate(text: str, section: str, source: Source) -> None:
    """What would be written is what the product reads.

    Raises:
        msgspec.ValidationError: it is not.
    """
    msgspec.convert(_rows(text, section), list[source.row], dec_hook=decode_value)  # type: ignore[name-defined]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
