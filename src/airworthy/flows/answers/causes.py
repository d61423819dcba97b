"""The answers of `causes`."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from airworthy.core.cost import CauseCost
from airworthy.core.report import VerbAnswer


class RecordedCauses(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `causes stats` and `causes resolve`."""

    causes: list[CauseCost]
    """What each recorded cause has cost, the most expensive first."""
    resolved: Optional[int] = None
    """Open diagnoses that were marked as resolved now."""


class Draft(VerbAnswer, frozen=True):
    """The answer of `causes new`: a draft of an entry."""

    path: Path
    """The file that was written."""
    number: int
    """The line of the log that it is made from."""
    literal: str
    """The literal of its signature."""
    known: tuple[str, ...]
    """Causes that recognise the log already."""
