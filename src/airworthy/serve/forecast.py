"""How long a new request would wait, learnt from what has been answered. Plain arithmetic without a clock."""

from __future__ import annotations

SMOOTHING = 0.1
"""The weight of the newest observation."""
FEW = 5
"""Observations below which nothing is foretold."""


class Forecast:
    """Learns seconds for a unit of work (a row, or a token of a text) at the pace of all runners together."""

    def __init__(self) -> None:
        self.run_time = 0.0
        """Seconds that a run takes, smoothed; 0 before the first."""
        self._per_unit = 0.0
        self._seen = 0
        self._last = 0.0

    def expect(self, per_unit: float, run_time: float) -> None:
        """Start from what is known already, in seconds; what is seen counts in full against it."""
        if self._seen < FEW:
            self._per_unit, self.run_time, self._seen = per_unit, run_time, FEW

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
        weight = max(SMOOTHING, 1 / self._seen)
        self._per_unit += weight * (interval / max(1, units) - self._per_unit)
        self.run_time += weight * (seconds - self.run_time)

    def wait(self, units: int) -> float:
        """Seconds until so much waiting work is done and the next request runs; 0 where too little was seen."""
        return units * self._per_unit + self.run_time if self._seen >= FEW else 0.0
