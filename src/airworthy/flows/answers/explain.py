"""The answers of `explain`."""

from __future__ import annotations

import msgspec

from airworthy.core.report import VerbAnswer


class Explanation(VerbAnswer, frozen=True):
    """The answer of `explain`: a cause and its page."""

    cause: str
    """The slug of the cause."""
    title: str
    """What is wrong, one line."""
    page: str
    """The page as Markdown."""


class CauseTitle(msgspec.Struct, frozen=True):
    """A cause in one line."""

    cause: str
    """The slug of the cause."""
    family: str
    """The family that it belongs to: `host`, `runtime`; `local` for a project's own."""
    title: str
    """What is wrong, one line."""


class CauseList(VerbAnswer, frozen=True):
    """The answer of `explain` without a cause."""

    causes: tuple[CauseTitle, ...]
    """Every cause, families together."""
