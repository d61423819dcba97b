"""Columns are aligned by what a terminal shows, not by what Python counts."""

from __future__ import annotations

from airworthy.report.interface import RenderOptions
from airworthy.report.layout import cells, line, table, write


def test_cells_counts_columns() -> None:
    assert cells("abc") == 3
    assert cells("模型") == 4
    assert cells("e\u0301") == 1


def test_table_aligns_wide_characters() -> None:
    rows = write(table([("模型", "a"), ("m", "b")]), RenderOptions()).splitlines()
    assert [cells(row.partition(last)[0]) for row, last in zip(rows, "ab", strict=True)] == [6, 6]


def test_wrapped_lines_hang() -> None:
    shown = write([line("one two three four five", indent=2, hang=4)], RenderOptions(terminal=True, width=20))
    assert shown.splitlines() == ["  one two three four", "      five"]


def test_blank_lines_stay() -> None:
    assert write([line("a"), line(), line("b")], RenderOptions(terminal=True)) == "a\n\nb\n"
    assert write([line("a"), line(), line("b")], RenderOptions()) == "a\n\nb\n"
