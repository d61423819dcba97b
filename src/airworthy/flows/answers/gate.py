"""The answer of `gate`."""

from __future__ import annotations

from typing import Optional

from airworthy.core.report import VerbAnswer
from airworthy.optimize.gating import QualityResult, SpeedResult, Verdict


class GateAnswer(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `gate`."""

    verdict: Verdict
    """`passed` where everything that was asked is proven, `failed` where one thing is disproven."""
    before: str
    """The model that is in use."""
    after: str
    """The model that is to take its place."""
    engines: tuple[str, str]
    """What ran each of them."""
    digests: tuple[dict[str, str], dict[str, str]]
    """SHA-256 of each file of both, by its path."""
    output: str
    """The output that was judged."""
    quality: QualityResult
    """Quality: the metric of both, and what is proven of the difference."""
    speed: Optional[SpeedResult] = None
    """Speed, where it was compared."""
    agreement: Optional[float] = None
    """The share of rows for which both name the same class, where they name classes."""
    instructions: tuple[str, ...] = ()
    """Instructions of this processor that integer arithmetic depends on: the verdict holds where they are there."""
