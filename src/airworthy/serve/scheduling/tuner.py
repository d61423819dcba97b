"""How a model runs best on this machine: the trial runs to make, and what they show. Without clock or I/O."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

import msgspec

from airworthy.serve.scheduling.cost_curve import Point

REPEATS = 5
"""Runs of each trial; the fastest counts, since what else the machine does only adds to them."""
MOST_SECONDS = 0.1
"""Seconds of a run from which on no larger one is tried: a request may come meanwhile, and must wait for it."""
CLOSE = 1.03
"""How much more than the cheapest a unit of work may cost in a smaller batch that is preferred to it."""
BETTER = 1.15
"""How much more work all threads must do on one run than on several side by side, by the median of the trials, for that
to be preferred."""
_TEXTS = ((1, 8), (1, 24), (1, 64), (1, 128), (4, 32), (8, 32), (16, 32), (32, 32))
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class TuningRun(NamedTuple):
    """A run that is made to be timed."""

    rows: int
    """Rows."""
    length: int
    """Tokens a row; 0 for models that nothing is padded for."""
    exclusive: bool
    """Whether it has all threads; else as many run as there are lanes."""

    @property
    def work(self) -> int:
        """Rows, or tokens."""
        return self.rows * max(1, self.length)


class Profile(msgspec.Struct, frozen=True):
    """How a model runs best on a machine."""

    lanes: int
    """Runs at the same time; 1 where one with all threads does more."""
    batch: int
    """The work of a batch, in rows or in tokens, beyond which a unit of work gets no cheaper."""
    points: tuple[Point, ...]
    """What runs cost, beside others where they are run so: their work, and their seconds."""


class BatchTuner:
    """Asks for trials, the smallest first, and makes a profile of what they took."""

    def __init__(self, lanes: int, *, is_text: bool, most_rows: int, longest: int | None = None) -> None:
        """Plan it.

        Args:
            lanes: runs that the runner takes at the same time.
            is_text: whether a row is a text, whose length varies.
            most_rows: rows that a batch may have.
            longest: tokens of the longest text; None for any.
        """
        self._lanes = lanes
        shapes = _TEXTS if is_text else tuple((rows, 0) for rows in _ROWS)
        shapes = tuple(shape for shape in shapes if shape[0] <= most_rows and shape[1] <= (longest or shape[1]))
        ways = (True, False) if lanes > 1 else (True,)
        # Both ways by turns: what else the machine does then hits both alike.
        self._left = [
            TuningRun(rows, length, exclusive) for rows, length in shapes for _ in range(REPEATS) for exclusive in ways
        ]
        self._took: dict[TuningRun, list[float]] = {}

    @property
    def next(self) -> TuningRun | None:
        """The trial to make now; None where nothing is left to try."""
        return self._left[0] if self._left else None

    def record(self, seconds: float) -> None:
        """Take in what the trial took: the run, or the slowest of those side by side."""
        trial = self._left.pop(0)
        self._took.setdefault(trial, []).append(seconds)
        if seconds > MOST_SECONDS:
            self._left = [each for each in self._left if each.exclusive != trial.exclusive or each.work <= trial.work]

    @property
    def profile(self) -> Profile | None:
        """What was found; None where it was too little."""
        exclusive, beside = self._costs(exclusive=True), self._costs(exclusive=False)
        lanes = self._lanes
        if beside:
            # Large runs use all threads nearly as well as several do; small ones, which most are, don't.
            gains = [beside[trial] / (lanes * exclusive[trial]) for trial in exclusive.keys() & beside.keys()]
            if gains and median(gains) > BETTER:
                lanes = 1
        costs = beside if beside and lanes > 1 else exclusive
        if not costs:
            return None
        cheapest = min(seconds / trial.work for trial, seconds in costs.items())
        batch = min(trial.work for trial, seconds in costs.items() if seconds / trial.work <= CLOSE * cheapest)
        points = tuple(sorted((float(trial.work), seconds) for trial, seconds in costs.items()))
        return Profile(lanes, batch, points)

    def _costs(self, *, exclusive: bool) -> dict[TuningRun, float]:
        """Seconds by trial, as if all were of one kind."""
        return {
            trial._replace(exclusive=False): min(took)
            for trial, took in self._took.items()
            if trial.exclusive == exclusive and len(took) == REPEATS
        }
