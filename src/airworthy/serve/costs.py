"""What a run costs, learnt from runs: so much for being a run at all, and so much for each unit of work in it.

The first part is what batching saves, the second what padding wastes; their ratio says how much of one is worth the
other. On a CPU it is a few tokens, on an accelerator, whose kernels take as long for little work, hundreds.
"""

from __future__ import annotations

from typing import NamedTuple

MEMORY = 0.98
"""What an observation keeps of its weight with each one that follows."""
FEW = 8
"""Observations below which nothing is told."""
SPREAD = 0.15
"""The least standard deviation of the work, as a share of its mean, from which a line can be told."""
MOST_WORTH = 4096.0
"""The most units of work that a run is held to be worth; beyond it everything is batched anyway."""


class Line(NamedTuple):
    """Seconds of a run: `fixed + each · units`."""

    fixed: float
    """Seconds for being a run."""
    each: float
    """Seconds for a unit of work, padding counted."""

    @property
    def worth(self) -> float:
        """Units of work that take as long as being a run does."""
        return MOST_WORTH if self.fixed >= self.each * MOST_WORTH else self.fixed / self.each


class RunCosts:
    """Fits a line to runs by least squares in which old runs count less and less."""

    def __init__(self) -> None:
        self._seen = 0
        self._weight = self._x = self._xx = self._y = self._xy = 0.0

    def learn(self, units: int, seconds: float) -> None:
        """Take in a run: its work with padding, and the seconds that the runtime took."""
        self._seen += 1
        self._weight = self._weight * MEMORY + 1
        self._x = self._x * MEMORY + units
        self._xx = self._xx * MEMORY + units * units
        self._y = self._y * MEMORY + seconds
        self._xy = self._xy * MEMORY + units * seconds

    @property
    def line(self) -> Line | None:
        """The line; None where too little was seen, runs were too alike, or more work took no longer."""
        if self._seen < FEW:
            return None
        spread = self._weight * self._xx - self._x * self._x
        if spread < (SPREAD * self._x) ** 2:
            return None
        each = (self._weight * self._xy - self._x * self._y) / spread
        if each <= 0:
            return None
        return Line(max(0.0, (self._y - each * self._x) / self._weight), each)
