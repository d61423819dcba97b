"""Reading publishers' pages: their tables, whether in HTML or Markdown, and where a page comes from."""

from __future__ import annotations

import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

LARGEST = 32 * 1024 * 1024
"""Bytes of a page."""
SECONDS = 30.0
"""How long a server may take."""
MOST_CELLS = 200_000
"""Cells of all tables of a page."""
WIDEST = 1000
"""Columns or rows that one cell may span."""


class PageError(Exception):
    """A page that can't be had, or holds something else than is looked for."""


class Table(NamedTuple):
    """A table of a page."""

    head: tuple[str, ...]
    """The titles of its columns."""
    rows: tuple[tuple[str, ...], ...]
    """Its rows, each as wide as the head; a cell that spans several is in each of them."""


def page(address: str) -> str:
    """The text of a page: from an address, a file, or `-` for standard input.

    Raises:
        PageError: it can't be had.
    """
    try:
        if address == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        elif re.match(r"https?://", address):
            request = urllib.request.Request(address, headers={"User-Agent": "airworthy-tables"})
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                data = answer.read(LARGEST + 1)
        else:
            with Path(address).open("rb") as file:
                data = file.read(LARGEST + 1)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise PageError(f"{address}: {error}") from None
    if len(data) > LARGEST:
        raise PageError(f"{address}: more than {LARGEST >> 20} MiB, which is no page of tables")
    return data.decode("utf-8", "replace")


def tables(text: str) -> Iterator[Table]:
    """The tables of a page, first those in HTML, then those in Markdown."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    for grid in reader.grids:
        if len(grid) > 1:
            yield _table(grid)
    for block in re.findall(r"(?m)(?:^[ \t]*\|.{0,4000}\|[ \t]*\n?){2,20000}", text[:LARGEST]):
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        body = [cells for cells in lines if not all(re.fullmatch(r":?-{1,200}:?", cell) for cell in cells)]
        if len(body) > 1:
            yield _table([[_plain(cell) for cell in cells] for cells in body])


def the_table(text: str, *titles: str) -> Table:
    """The one table of a page that has columns with these words in their titles, the largest where several have.

    Raises:
        PageError: there is none.
    """
    found = [each for each in tables(text) if all(column(each, title) is not None for title in titles)]
    if not found:
        raise PageError(
            f"no table with the columns {', '.join(titles)}: is it the right page, or was it laid out anew?"
        )
    return max(found, key=lambda each: len(each.rows))


def column(table: Table, title: str) -> int | None:
    """The column with a word in its title; None where none has it."""
    return next((at for at, head in enumerate(table.head) if re.search(title, head, re.IGNORECASE)), None)


def cells(table: Table, *titles: str) -> Iterator[tuple[str, ...]]:
    """The cells of some columns, row by row."""
    places = [column(table, title) for title in titles]
    for row in table.rows:
        yield tuple("" if at is None else row[at] for at in places)


def _plain(cell: str) -> str:
    return re.sub(r"[`*]|<br\s{0,3}/?>", " ", re.sub(r"\[([^\]]{0,300})\]\([^)]{0,1000}\)", r"\1", cell)).strip()


def _table(grid: list[list[str]]) -> Table:
    head = tuple(grid[0])
    rows = tuple(tuple((row + [""] * len(head))[: len(head)]) for row in grid[1:])
    return Table(head, rows)


class _Reader(HTMLParser):
    """Collects tables as grids of text; spans are filled, a line break in a cell stays one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.grids: list[list[list[str]]] = []
        self._grid: list[list[str]] | None = None
        self._cell: list[str] | None = None
        self._span = (1, 1)
        self._waiting: dict[int, tuple[int, str]] = {}
        self._count = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._grid, self._waiting = [], {}
        elif tag == "tr" and self._grid is not None:
            self._end_row()
            self._grid.append([])
        elif tag in {"td", "th"} and self._grid:
            self._end_cell()
            told = dict(attrs)
            self._span = (_number(told.get("rowspan")), _number(told.get("colspan")))
            self._cell = []
        elif tag in {"br", "p", "li", "div"} and self._cell is not None:
            self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._end_cell()
        elif tag == "table" and self._grid is not None:
            self._end_row()
            self.grids.append([row for row in self._grid if row])
            self._grid = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def _end_cell(self) -> None:
        if self._cell is None or not self._grid:
            return
        lines = (" ".join(line.split()) for line in "".join(self._cell).splitlines())
        text, self._cell = "\n".join(line for line in lines if line), None
        row = self._grid[-1]
        self._fill(row)
        down, across = self._span
        for _ in range(across):
            self._count += 1
            if self._count > MOST_CELLS:
                raise PageError(f"more than {MOST_CELLS} cells")
            if down > 1:
                self._waiting[len(row)] = (down - 1, text)
            row.append(text)

    def _end_row(self) -> None:
        self._end_cell()
        if self._grid and self._grid[-1]:
            self._fill(self._grid[-1])

    def _fill(self, row: list[str]) -> None:
        """What rows above span into this one, up to the next cell of its own."""
        while len(row) in self._waiting:
            at = len(row)
            left, text = self._waiting.pop(at)
            if left > 1:
                self._waiting[at] = (left - 1, text)
            row.append(text)


def _number(text: str | None) -> int:
    return min(int(text), WIDEST) if text and re.fullmatch(r"[1-9]\d{0,5}", text) else 1
