"""The answer of a table, with what it rests on: a row about the very thing, the newest row, or no row at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import msgspec

from airworthy.core.finding import Evidence
from airworthy.core.messages import say
from airworthy.knowledge.tables import Row

T = TypeVar("T")


class Basis(str, Enum):
    """What an answer rests on."""

    EXACT = "exact"
    """A row that is about what was asked."""
    NEWEST_ROW = "newest-row"
    """What was asked is newer than the table, and the newest row is taken to hold for it."""
    UNKNOWN = "unknown"
    """No row says anything; the answer has a reason in place of a value."""


@dataclass(frozen=True)
class TableAnswer(Generic[T]):
    """An answer of a table."""

    value: T | None
    """The answer; None where it is unknown, and for what a table leaves out because all devices have it."""
    basis: Basis
    """What it rests on."""
    row: Row | None = None
    """The row that decided, with its source and date; the newest one where the table ends before what was asked."""
    reason: str = ""
    """Why it is no exact answer, one line; empty for an exact one."""

    @property
    def is_newest_row(self) -> bool:
        """Whether it rests on the newest row."""
        return self.basis is Basis.NEWEST_ROW

    def evidence(self, table: str) -> tuple[Evidence, ...]:
        """The row as what decided; that it is only the newest one known stands beside its source."""
        if self.row is None:
            return ()
        found = self.row.evidence(table)
        if not self.is_newest_row:
            return (found,)
        return (msgspec.structs.replace(found, source=f"{found.source}; {self.reason}"),)


def exact(value: T, row: Row | None = None) -> TableAnswer[T]:
    """An answer from a row that is about what was asked."""
    return TableAnswer(value, Basis.EXACT, row)


def newest_row(value: T, row: Row, asked: str, newest: object) -> TableAnswer[T]:
    """An answer for something newer than the table, from its newest row.

    Args:
        value: what the row says.
        row: that row.
        asked: what was asked about, `onnxruntime 1.99`.
        newest: what the row is about, `1.32`.
    """
    reason = say(
        "the newest row known is of {newest}, {checked}, and may not hold for {asked}",
        newest=newest,
        checked=row.checked,
        asked=asked,
    )
    return TableAnswer(value, Basis.NEWEST_ROW, row, reason)


def unknown(asked: str, table: str, row: Row | None = None, newest: object = "") -> TableAnswer[T]:
    """No answer: the table has no row about what was asked.

    Args:
        asked: what was asked about.
        table: the table.
        row: its newest row, where what was asked is newer.
        newest: what that row is about.
    """
    if row is None:
        return TableAnswer(
            None, Basis.UNKNOWN, None, say("{asked} is not in the table {table}", asked=asked, table=table)
        )
    reason = say(
        "{asked} is newer than the table {table}, whose newest row is of {newest}, {checked}",
        asked=asked,
        table=table,
        newest=newest,
        checked=row.checked,
    )
    return TableAnswer(None, Basis.UNKNOWN, row, reason)


def found(value: T | None, asked: str, table: str, row: Row | None = None) -> TableAnswer[T]:
    """The answer of a table of names, which has no order: a row, or unknown."""
    return unknown(asked, table) if value is None else exact(value, row)
