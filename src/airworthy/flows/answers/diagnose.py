"""The answer of `diagnose`."""

from __future__ import annotations

from typing import Any, Optional

from airworthy.core.report import VerbAnswer


class DiagnoseAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `diagnose`."""

    cause: Optional[str]
    """The slug of the root cause; null where none is recognised."""
    exit_status: Optional[int] = None
    """The exit status of the command that was run."""
    unknown: Optional[dict[str, Any]] = None
    """A failure that no entry knows: `line`, `text`, `template`, `guesses`."""
