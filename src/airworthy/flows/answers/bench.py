"""The answer of `bench`."""

from __future__ import annotations

from typing import Any

from airworthy.core.report import VerbAnswer


class BenchAnswer(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `bench`."""

    model: str
    """The model that was asked."""
    path: str
    """The path below the service's URL."""
    slo_seconds: float
    """The latency within which an answer is of use."""
    runs: list[dict[str, Any]]
    """One a strength of load: `load`, `rate` and `goodput` in answers a second, percentiles in milliseconds, `lost`."""
