"""What is said of a server after all rounds: the median of each figure, and the sum of its errors."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

SUMMED = {"errors", "refused", "connect_error", "reset", "timeout", "bad_response"}


def medians(rounds: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One set of figures from those of each round; the last round's, where a figure is no number."""
    rounds = list(rounds)
    made: dict[str, Any] = {}
    for name in dict.fromkeys(name for each in rounds for name in each):
        values = [each[name] for each in rounds if name in each]
        if all(isinstance(value, dict) for value in values):
            made[name] = medians(values)
        elif all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            made[name] = sum(values) if name in SUMMED else statistics.median(values)
        else:
            made[name] = values[-1]
    return made


def best_rps(figures: dict[str, Any]) -> float:
    """Requests a second, with the number of clients that gave most."""
    return max(each["rps"] for each in figures["load"].values())
