"""Lines of styled pieces: laid out once, written plainly or for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airworthy.report.interface import RenderOptions
from airworthy.report.plain import printable

STYLES = {
    "title": "bold",
    "name": "bold",
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold cyan",
    "good": "green",
    "dim": "dim",
    "command": "cyan",
    "": "",
}
"""What a piece means → how Rich shows it."""


MOST_COLUMN = 44
"""Columns that a cell may claim for its whole column; a longer one pushes only its own row."""


@dataclass(frozen=True)
class Line:
    """One line: pieces of text with what they mean, behind an indent."""

    pieces: tuple[tuple[str, str], ...]
    """Text and a name of `STYLES`."""
    indent: int = 0
    """Columns of blank space before it, kept when it is wrapped."""
    hang: int = 0
    """Columns that wrapped lines are indented further."""
    whole: bool = False
    """Whether it is left to the terminal to wrap, so that what is copied from there is one line again."""


def line(*pieces: str | tuple[str, str], indent: int = 0, hang: int = 0, whole: bool = False) -> Line:
    """A line of pieces; everything that would not show itself is escaped here, for every format of text."""
    pairs = ((piece, "") if isinstance(piece, str) else piece for piece in pieces)
    return Line(tuple((printable(text), style) for text, style in pairs), indent, hang, whole)


def table(rows: Sequence[tuple[str, ...]], indent: int = 0, styles: tuple[str, ...] = ()) -> list[Line]:
    """Rows of cells whose columns are aligned; the last column is free."""
    shown = [tuple(printable(cell) for cell in row) for row in rows]
    columns = max((len(row) for row in shown), default=0)
    widths = [
        max((wide for row in shown if i < len(row) - 1 and (wide := cells(row[i])) <= MOST_COLUMN), default=0)
        for i in range(columns)
    ]
    lines = []
    for row in shown:
        last = len(row) - 1
        padded = (
            cell if i == last else cell + " " * (max(widths[i] - cells(cell), 0) + 2) for i, cell in enumerate(row)
        )
        pieces = tuple((cell, styles[i] if i < len(styles) else "") for i, cell in enumerate(padded))
        lines.append(Line(pieces, indent, sum(width + 2 for width in widths[:last])))
    return lines


def cells(text: str) -> int:
    """How many columns a terminal gives to the text; wide characters take two."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def write(lines: list[Line], options: RenderOptions) -> str:
    """The lines as text: for a terminal wrapped and styled, elsewhere as they are."""
    if options.terminal:
        return _for_terminal(lines, options)
    texts = (" " * each.indent + "".join(text for text, _ in each.pieces) for each in lines)
    return "".join(text.rstrip() + "\n" for text in texts)


def _for_terminal(lines: list[Line], options: RenderOptions) -> str:
    import io

    from rich.console import Console
    from rich.text import Text

    width = max(options.width, 20)
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=options.color,
        no_color=not options.color,
        color_system="standard" if options.color else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for each in lines:
        text = Text.assemble(*((piece, STYLES[style]) for piece, style in each.pieces))
        left = min(each.indent, width // 3)
        if each.whole:
            console.print(Text(" " * left) + text, soft_wrap=True)
            continue
        hang = min(each.hang, (width - left) // 2)
        # Rich wraps to one width; what follows the first row has less of it, so it is wrapped apart.
        first = next(iter(text.wrap(console, width - left, overflow="fold")), text)
        rest = text[len(first.plain) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
        console.print(Text(" " * left) + first, soft_wrap=True)
        for row in rest.wrap(console, width - left - hang, overflow="fold") if rest.plain else ():
            console.print(Text(" " * (left + hang)) + row, soft_wrap=True)
    return "".join(row.rstrip() + "\n" for row in stream.getvalue().splitlines())
