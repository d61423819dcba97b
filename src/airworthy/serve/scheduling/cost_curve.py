"""What a run costs by the work in it, learnt from runs.

Not a line: on a CPU a few tokens cost more each than many, on an accelerator hundreds cost as much as one. Where the
curve is flat, batching is for free; where it rises in proportion, it saves nothing, and padding only costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

Point = tuple[float, float]
"""Work, padding counted, and the seconds of a run with it."""

WEIGHT = 0.05
"""The weight of the newest run among those of its size."""
REDRAWN = 16
"""Runs after which the curve is drawn again."""
UNKNOWN = 8.0
"""Units of work that a run is held to cost on top, as long as nothing is known."""


class CostCurve:
    """Seconds of a run by its work: straight between the points, never falling."""

    def __init__(self, points: Iterable[Point] = ()) -> None:
        """Draw it.

        Args:
            points: what is known. With one alone, half of it is taken for being a run; without any, a run costs
                `UNKNOWN`, and one for each unit in it.
        """
        known = sorted(points)
        if len(known) < 2:
            known = [(0.0, known[0][1] / 2), *known] if known else [(0.0, UNKNOWN), (1.0, UNKNOWN + 1)]
        self._work = [work for work, _ in known]
        self._seconds: list[float] = []
        for _, seconds in known:
            self._seconds.append(max(seconds, self._seconds[-1] if self._seconds else 0.0))

    def __call__(self, work: float) -> float:
        """Seconds of a run with so much work."""
        right = min(max(1, bisect_left(self._work, work)), len(self._work) - 1)
        left = right - 1
        slope = (self._seconds[right] - self._seconds[left]) / max(1e-9, self._work[right] - self._work[left])
        # Below the first point a run still has to be started, which takes it at least half as long.
        return max(self._seconds[0] / 2, self._seconds[left] + slope * (work - self._work[left]))


class RunCosts:
    """Keeps the curve by what runs took."""

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self._sizes: dict[int, tuple[int, float, float]] = {}
        for work, seconds in points:
            self._sizes[_size(int(work))] = (int(1 / WEIGHT), work, seconds)
        self._seen = 0
        self.curve = CostCurve(self.points)
        """What a run costs."""

    @property
    def points(self) -> tuple[Point, ...]:
        """What is known: one point for each size of runs."""
        return tuple((work, seconds) for _, work, seconds in self._sizes.values())

    def learn(self, work: int, seconds: float) -> None:
        """Take in a run: its work with padding, and the seconds that the runtime took."""
        size = _size(work)
        seen, mean_work, mean_seconds = self._sizes.get(size, (0, 0.0, 0.0))
        weight = max(WEIGHT, 1 / (seen + 1))
        mean_work += weight * (work - mean_work)
        mean_seconds += weight * (seconds - mean_seconds)
        self._sizes[size] = (seen + 1, mean_work, mean_seconds)
        self._seen += 1
        if self._seen < REDRAWN or self._seen % REDRAWN == 0:
            self.curve = CostCurve(self.points)


def _size(work: int) -> int:
    """Which runs are of a size: two sizes to a doubling."""
    return 2 * work.bit_length() + (work >> max(0, work.bit_length() - 2) & 1)
