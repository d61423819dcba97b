"""How long a new request would wait, learnt from what has been answered. Plain arithmetic without a clock."""

from __future__ import annotations

from collections.abc import Iterable

from airworthy.serve.scheduling.cost_curve import Point, RunCosts

SMOOTHING = 0.1
"""The weight of the newest observation."""
MIN_OBSERVATIONS = 5
"""Observations below which nothing is foretold."""


class WaitEstimator:
    """Learns at what pace runs come back, by the work in them (rows, or tokens of texts)."""

    def __init__(self) -> None:
        self.run_time = 0.0
        """Seconds that a run takes, smoothed; 0 before the first."""
        self._pace = RunCosts()
        self._typical = 0.0
        self._unit_time = 0.0
        self._seen = 0
        self._last = 0.0

    def expect(self, points: Iterable[Point], lanes: int) -> None:
        """Start from what is known already; what is seen corrects it.

        Args:
            points: what runs cost.
            lanes: how many of them run at the same time.
        """
        known = sorted(points)
        if self._seen < MIN_OBSERVATIONS and known:
            self._pace = RunCosts((work, seconds / lanes) for work, seconds in known)
            self._typical, self.run_time = known[0]
            self._seen = MIN_OBSERVATIONS
            self._weigh()

    def learn(self, sent: float, now: float, units: int, seconds: float) -> None:
        """Take in a batch that came back.

        Args:
            sent: when it was sent, on the caller's clock.
            now: when it came back.
            units: the work in it.
            seconds: what the runtime took for it.
        """
        # With several runs at a time, what counts is the pace at which they come back, not how long each takes.
        interval = now - max(sent, self._last)
        self._last = now
        self._seen += 1
        self._pace.learn(units, interval)
        weight = max(SMOOTHING, 1 / self._seen)
        self._typical += weight * (units - self._typical)
        self.run_time += weight * (seconds - self.run_time)
        self._weigh()

    def _weigh(self) -> None:
        """What a unit takes in runs of the usual size; asked for each request, so it is at hand."""
        size = max(1.0, self._typical)
        self._unit_time = self._pace.curve(size) / size

    def wait(self, work: int, requests: int) -> float:
        """Seconds until the work of so many waiting requests is done and the next one runs; 0 after too few runs.

        Small requests run as those before them did, together; one that is larger than such a run is a run of its own,
        and work in large runs takes less time than as much in small ones.
        """
        if self._seen < MIN_OBSERVATIONS or not requests:
            return 0.0
        size = work / requests
        if size <= self._typical or size <= 1:
            return work * self._unit_time + self.run_time
        return requests * self._pace.curve(size) + self.run_time
