"""Which upstream takes the next request, and whether one may be tried again. It reads no clock and no world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

RETRY_SHARE = 0.1
"""Retries for each request, on average."""
RETRY_RESERVE = 3.0
"""Retries that a service without traffic has to begin with."""
RETRY_MOST = 10.0
"""Retries that may be saved up."""


class UpstreamChoice(Protocol):
    """What selection must know of an upstream."""

    @property
    def priority(self) -> int:
        """The lower, the sooner."""

    @property
    def weight(self) -> int:
        """Its share."""


C = TypeVar("C", bound=UpstreamChoice)


class WeightedChoice:
    """Spreads requests by weight among those of the best priority, evenly in any stretch (smooth round robin)."""

    def __init__(self) -> None:
        self._credit: dict[int, float] = {}

    def choose(self, candidates: Sequence[C]) -> C | None:
        """The one whose turn it is; None where there is none."""
        if not candidates:
            return None
        best = min(each.priority for each in candidates)
        those = [each for each in candidates if each.priority == best]
        total = sum(each.weight for each in those)
        for each in those:
            self._credit[id(each)] = self._credit.get(id(each), 0.0) + each.weight
        chosen = max(those, key=lambda each: self._credit[id(each)])
        self._credit[id(chosen)] -= total
        return chosen


class RetryBudget:
    """Keeps retries to a share of the traffic, so that a failing upstream is not buried under them."""

    def __init__(self) -> None:
        self._saved = RETRY_RESERVE

    def deposit(self) -> None:
        """A request came."""
        self._saved = min(self._saved + RETRY_SHARE, RETRY_MOST)

    def withdraw(self) -> bool:
        """Whether there is a retry left; it is spent."""
        # Ten tenths are 0.9999999999999999.
        if self._saved < 1 - 1e-9:
            return False
        self._saved -= 1
        return True
