"""How long work says what it is doing, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener to the stages of a long job."""

    def stage(self, text: str) -> None:
        """A new stage has begun; the text is a finished sentence part in the reader's language."""

    def advance(self, done: int, total: int | None = None) -> None:
        """Some of the stage's work is done, in its own unit (bytes, files)."""


class Silent:
    """Listens to nothing."""

    def stage(self, text: str) -> None:
        """Pass over it."""

    def advance(self, done: int, total: int | None = None) -> None:
        """Pass over it."""


SILENT = Silent()
"""The listener for those who want none."""
