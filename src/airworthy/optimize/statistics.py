"""Tests and intervals for two models on the same rows: exact where answers are right or wrong, resampled elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.95
"""The confidence of each one-sided bound."""
RESAMPLES = 2000
"""Resamples of a bootstrap."""
_STEPS = 200


class ErrorBounds(NamedTuple):
    """A lower and an upper bound, each of which holds with the confidence by itself."""

    low: float
    """The lower bound."""
    high: float
    """The upper bound."""

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2


def mcnemar(lost: int, won: int) -> float:
    """The probability of so uneven a split of the rows on which two models part, if neither is better; two-sided.

    The exact test of McNemar (1947): the binomial distribution of the smaller count in `lost + won` fair trials.

    Args:
        lost: rows that only the first model answers rightly.
        won: rows that only the second one does.
    """
    parted = lost + won
    if parted == 0:
        return 1.0
    logs = (
        math.lgamma(parted + 1) - math.lgamma(k + 1) - math.lgamma(parted - k + 1) - parted * math.log(2)
        for k in range(min(lost, won) + 1)
    )
    return min(1.0, 2 * math.fsum(math.exp(each) for each in logs))


def paired_difference(lost: float, won: float, rows: int, confidence: float = CONFIDENCE) -> ErrorBounds:
    """Bounds of the difference of two shares of right answers on the same rows, second minus first.

    The score interval of Tango (Statistics in Medicine 17, 1998). Unlike the normal approximation it has a width where
    the models part on no row, and it holds for few.

    Args:
        lost: rows that only the first model answers rightly; a share of them need not be whole.
        won: rows that only the second one does.
        rows: all rows.
        confidence: of each bound by itself.
    """
    z = normal_quantile(confidence)

    def bound(sign: float) -> float:
        # The statistic falls as the supposed difference grows, so the bound is found by halving.
        low, high = -1.0, 1.0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if _tango(won, lost, rows, middle) > sign * z:
                low = middle
            else:
                high = middle
            if high - low < 1e-12:
                break
        return (low + high) / 2

    return ErrorBounds(bound(1.0), bound(-1.0))


def _tango(won: float, lost: float, rows: int, supposed: float) -> float:
    """Tango's statistic for a supposed difference of the shares, `won / rows - lost / rows`."""
    a = 2.0 * rows
    b = -won - lost + (2.0 * rows - won + lost) * supposed
    c = -lost * supposed * (1.0 - supposed)
    share = (math.sqrt(max(0.0, b * b - 4.0 * a * c)) - b) / (2.0 * a)
    variance = rows * (2.0 * share + supposed * (1.0 - supposed))
    above = won - lost - rows * supposed
    if variance <= 0.0:
        return math.copysign(math.inf, above) if above else 0.0
    return above / math.sqrt(variance)


def normal_quantile(share: float) -> float:
    """The value below which a share of the standard normal distribution lies."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


def bootstrap(
    statistic: Callable[[NDArray[Any]], float], rows: int, *, confidence: float = CONFIDENCE, seed: int = 0
) -> ErrorBounds:
    """Bounds of a statistic of both models, by resampling rows with replacement: each row brings both models' answers.

    The percentile interval (Efron 1979) of `RESAMPLES` resamples.

    Args:
        statistic: takes the numbers of the rows, `[rows]`, some of them several times.
        rows: how many there are.
        confidence: of each bound by itself.
        seed: of the resampling; the same seed gives the same bounds.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    values = np.array([statistic(random.integers(0, rows, rows)) for _ in range(RESAMPLES)])
    values = values[np.isfinite(values)]
    if not len(values):
        return ErrorBounds(-math.inf, math.inf)
    low, high = np.quantile(values, [1 - confidence, confidence])
    return ErrorBounds(float(low), float(high))


def ratio_of_medians(first: NDArray[Any], second: NDArray[Any], confidence: float, seed: int = 0) -> ErrorBounds:
    """Bounds of the second model's median time divided by the first's, from times measured in pairs.

    The machine's speed drifts; what drifts slower than a pair falls out, because a resample takes both of a pair.

    Args:
        first: seconds, `[pairs]`.
        second: seconds of the other model in the same pairs.
        confidence: of each bound by itself.
        seed: of the resampling.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    picked = random.integers(0, len(first), (RESAMPLES, len(first)))
    ratios = np.median(np.log(second[picked]) - np.log(first[picked]), axis=1)
    low, high = np.exp(np.quantile(ratios, [1 - confidence, confidence]))
    return ErrorBounds(float(low), float(high))
