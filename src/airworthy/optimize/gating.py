"""Whether one model may take another's place: no worse than a margin, no slower than a bound, or not enough data.

A difference of two measured numbers proves nothing by itself; the verdict is of the bounds that the data allow. Three
verdicts: *passed*, *failed*, and *not enough data*, which says how much would do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from airworthy.optimize.metrics import Metric
from airworthy.optimize.statistics import CONFIDENCE, ErrorBounds, bootstrap, mcnemar, paired_difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

Verdict = Literal["passed", "failed", "not enough data"]
ANY_TIME = 1e6
"""A ratio of times that allows any slowdown: the speed is reported alone."""
MOST_ROWS = 100_000_000
"""A number of rows beyond which no number is named."""


class QualityResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of comparing the quality of two models."""

    verdict: Verdict
    """What is proven."""
    metric: str
    """The name of the metric."""
    rows: int
    """Rows that both models answered."""
    before: float
    """The metric of the model that is in use."""
    after: float
    """That of the one that is to take its place."""
    difference: float
    """After minus before; for an error, before minus after, so that less than 0 is worse."""
    low: float
    """Lower bound of the difference."""
    high: float
    """Upper bound of the difference."""
    margin: float
    """The loss that is allowed, in the metric's own unit."""
    tier: float
    """The share of the metric that has to be kept."""
    confidence: float = CONFIDENCE
    """Of each bound by itself."""
    lost: int | None = None
    """Rows that only the model in use answers rightly, where rows are right or wrong."""
    won: int | None = None
    """Rows that only the new one answers rightly."""
    p_value: float | None = None
    """The probability of so uneven a split if neither is better (McNemar, exact, two-sided)."""
    rows_needed: int | None = None
    """Rows that would be enough if the difference stays as it is; None where no number would, or none is needed."""


class SpeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of comparing the speed of two models, run in turns."""

    verdict: Verdict
    """What is proven."""
    pairs: int
    """Times that both were measured, one after the other."""
    batch: int
    """Rows of each run."""
    before: float
    """Median seconds of a run of the model in use."""
    after: float
    """Median seconds of the new one."""
    ratio: float
    """The time of the new one as a share of the old one's: the median over pairs."""
    low: float
    """Lower bound of the ratio."""
    high: float
    """Upper bound of the ratio."""
    most: float
    """The largest ratio that is allowed."""
    confidence: float
    """Of each bound by itself."""


def judge_quality(
    metric: str,
    kind: Metric,
    before: NDArray[Any],
    after: NDArray[Any],
    truth: NDArray[Any],
    tier: float,
    seed: int = 0,
) -> QualityResult:
    """Whether the new model keeps a share of the old one's quality.

    Args:
        metric: its name.
        kind: how it is taken.
        before: outputs of the model in use, rows first.
        after: outputs of the new one.
        truth: what is right.
        tier: the share of the metric to be kept, 0.99; for an error, the new one may be `1 / tier` times the old.
        seed: of resampling.
    """
    old, new = kind.score(before, truth), kind.score(after, truth)
    rows, sign = len(truth), 1.0 if kind.higher else -1.0
    margin = abs(old) * ((1 - tier) if kind.higher else (1 / tier - 1))
    difference = sign * (new - old)
    if kind.rows is not None:
        right_before, right_after = kind.rows(before, truth), kind.rows(after, truth)
        lost = int((right_before & ~right_after).sum())
        won = int((~right_before & right_after).sum())
        bounds = paired_difference(lost, won, rows)
        more: dict[str, Any] = {"lost": lost, "won": won, "p_value": mcnemar(lost, won)}
        needed = _rows_for_shares(lost / rows, won / rows, rows, margin)
    else:

        def statistic(picked: NDArray[Any]) -> float:
            right = truth[picked]
            return sign * (kind.score(after[picked], right) - kind.score(before[picked], right))

        bounds, more = bootstrap(statistic, rows, seed=seed), {}
        needed = _rows_needed(rows, bounds, difference, margin)
    verdict = _verdict(bounds, -margin)
    return QualityResult(
        verdict=verdict,
        metric=metric,
        rows=rows,
        before=old,
        after=new,
        difference=difference,
        low=bounds.low,
        high=bounds.high,
        margin=margin,
        tier=tier,
        rows_needed=needed if verdict == "not enough data" else None,
        **more,
    )


def judge_speed(
    first: NDArray[Any], second: NDArray[Any], bounds: ErrorBounds, batch: int, most: float, confidence: float
) -> SpeedResult:
    """Whether the new model is no slower than allowed.

    Args:
        first: seconds of the model in use, `[pairs]`.
        second: seconds of the new one in the same pairs.
        bounds: of the ratio.
        batch: rows of each run.
        most: the largest ratio that is allowed, 1.05.
        confidence: of each bound by itself.
    """
    import numpy as np

    verdict: Verdict = "not enough data"
    if bounds.high <= most:
        verdict = "passed"
    elif bounds.low > most:
        verdict = "failed"
    ratio = float(np.exp(np.median(np.log(second) - np.log(first))))
    return SpeedResult(
        verdict=verdict,
        pairs=len(first),
        batch=batch,
        before=float(np.median(first)),
        after=float(np.median(second)),
        ratio=ratio,
        low=bounds.low,
        high=bounds.high,
        most=most,
        confidence=confidence,
    )


def overall(*verdicts: Verdict) -> Verdict:
    """One verdict of several: failed where one failed, passed only where all did."""
    if "failed" in verdicts:
        return "failed"
    return "passed" if verdicts and all(each == "passed" for each in verdicts) else "not enough data"


def _verdict(bounds: ErrorBounds, least: float) -> Verdict:
    if bounds.low > least:
        return "passed"
    return "failed" if bounds.high < least else "not enough data"


def _rows_needed(rows: int, bounds: ErrorBounds, difference: float, margin: float) -> int | None:
    """Rows at which bounds as wide as these, shrunk with the root of the rows, would leave the margin outside."""
    distance = abs(difference + margin)
    if not distance or not math.isfinite(bounds.half):
        return None
    half = difference - bounds.low if difference > -margin else bounds.high - difference
    needed = math.ceil(rows * (half / distance) ** 2 * 1.1)
    return needed if rows < needed <= MOST_ROWS else None


def _rows_for_shares(lost: float, won: float, rows: int, margin: float) -> int | None:
    """Rows at which the bounds would decide, if the same shares of rows part."""
    low, high = rows, rows
    while _verdict(paired_difference(lost * high, won * high, high), -margin) == "not enough data":
        low, high = high, high * 2
        if high > MOST_ROWS:
            return None
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        if _verdict(paired_difference(lost * middle, won * middle, middle), -margin) == "not enough data":
            low = middle
        else:
            high = middle
    return high if high > rows else None
