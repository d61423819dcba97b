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
    remarks: Optional[list[dict[str, Any]]] = None
    """Words of wrappers around such a failure: `cause`, `message`, `line`, `text`, `why` (where to look)."""
    read_as: Optional[str] = None
    """What the text reads as, where it is no program's output: `source code` or `prose`; findings are then guesses."""

    @property
    def unexplained(self) -> bool:
        """Whether a failure was seen and no cause recognised."""
        return self.cause is None and self.unknown is not None
