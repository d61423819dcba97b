"""The answer of `optimise`."""

from __future__ import annotations

from typing import Optional

from airworthy.core.report import VerbAnswer
from airworthy.flows.answers.gate import GateAnswer
from airworthy.optimize.choice import Candidate, Preference
from airworthy.optimize.gating import Verdict


class RowsUsed(VerbAnswer, frozen=True, kw_only=True):
    """How the rows were divided; no row serves two purposes."""

    calibration: int
    """Rows that ranges were taken from."""
    selection: int
    """Rows that candidates were compared on."""
    final: int
    """Rows that the chosen one was judged on, which nothing had been chosen by."""


class OptimiseAnswer(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `optimise`."""

    verdict: Verdict
    """That of the final gate; `failed` where no candidate gained anything without a proven loss."""
    model: str
    """The original."""
    size: int
    """Bytes of its file."""
    prefer: Preference
    """What decided."""
    rows: RowsUsed
    """How the rows were divided."""
    candidates: tuple[Candidate, ...]
    """What was tried."""
    chosen: str = ""
    """The name of the candidate that was chosen; empty where none was."""
    path: str = ""
    """Where it was written; empty where it was not."""
    gate: Optional[GateAnswer] = None
    """The proof on the final rows."""
