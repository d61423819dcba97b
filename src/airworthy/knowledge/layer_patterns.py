"""Which layers of an architecture look back at a window only, where its files do not say."""

from __future__ import annotations

import re

from airworthy.knowledge.tables import Row, rows

_NOT_LETTERS = re.compile(r"[^a-z0-9]")


class WindowPattern(Row, frozen=True):
    """An architecture whose layers take turns."""

    architectures: tuple[str, ...]
    """Its names in `config.json` and GGUF."""
    period: int
    """Of so many layers the last one looks back at everything; 0 where all do, whatever window its file names."""


def window_period(architecture: str) -> int | None:
    """Of how many layers the last one looks back at everything; 0 where all do, None where the table has no row."""
    asked = _NOT_LETTERS.sub("", architecture.lower())
    table: tuple[WindowPattern, ...] = rows("layer_patterns", "pattern", WindowPattern)
    for row in table:
        if any(_NOT_LETTERS.sub("", each) == asked for each in row.architectures):
            return row.period
    return None
