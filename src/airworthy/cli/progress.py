"""Showing on standard error what takes long, and nothing of what doesn't."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from airworthy.cli.output import tell, to_terminal
from airworthy.core.messages import say
from airworthy.report.plain import printable

if TYPE_CHECKING:
    from rich.status import Status

DELAY = 1.0
"""Seconds of silence before anything is shown."""


class LateProgress:
    """A listener that speaks only after a second: a spinner on a terminal, plain lines elsewhere.

    Used as a context manager; at its end the spinner is erased, whatever ended the block.
    """

    def __init__(self, delay: float = DELAY, enabled: bool = True) -> None:
        self._enabled = enabled
        self._lock = threading.Lock()
        self._timer = threading.Timer(delay, self._begin)
        self._timer.daemon = True
        self._text = ""
        self._shown = ""
        self._speaking = False
        self._closed = False
        self._status: Status | None = None

    def __enter__(self) -> LateProgress:
        if self._enabled:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._status is not None:
                self._status.stop()

    def stage(self, text: str) -> None:
        """Report a new stage."""
        with self._lock:
            self._text = printable(text)
            self._show()

    def advance(self, done: int, total: int | None = None) -> None:
        """Report how far the stage is; only a spinner shows that, lines would never end."""
        with self._lock:
            if self._status is not None and total:
                self._status.update(_plain(say("{stage} {share:.0%}", stage=self._text, share=done / total)))

    def _begin(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._speaking = True
            if to_terminal(stderr=True):
                from rich.console import Console

                self._status = Console(stderr=True, highlight=False).status(_plain(self._text))
                self._status.start()
            else:
                self._show()

    def _show(self) -> None:
        if self._closed or not self._speaking:
            return
        if self._status is not None:
            self._status.update(_plain(self._text))
        elif self._text and self._text != self._shown:
            self._shown = self._text
            tell(f"{self._text} ...")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
