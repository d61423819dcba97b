"""A circuit breaker: which upstream takes requests, decided from what became of the last ones. It reads no clock."""

from __future__ import annotations

from collections import deque
from enum import Enum

CONSECUTIVE_FAILURES = 3
"""Failures in a row that open it."""
WINDOW = 20
"""Requests of which the rate of failures is taken."""
MIN_REQUESTS = 10
"""Requests before a rate counts."""
FAILURE_RATE = 0.5
"""The rate that opens it."""
FIRST_OPEN_S = 2.0
"""Seconds for which it opens the first time; doubled each time that its probe fails."""
LONGEST_OPEN_S = 60.0
"""Seconds for which it opens at the most."""
DEFAULT_PAUSE_S = 1.0
"""Seconds of a pause where a server that asks for one does not say how long."""
LONGEST_PAUSE_S = 300.0
"""Seconds of the longest pause that a server may ask for."""
PROBE_LIMIT_S = 600.0
"""Seconds after which a probe that reported nothing is given up."""


class BreakerState(str, Enum):
    """What it lets through."""

    CLOSED = "closed"
    """Everything."""
    OPEN = "open"
    """Nothing, until it expires: the upstream failed."""
    PAUSED = "paused"
    """Nothing, until it expires: the upstream asked for it."""
    HALF_OPEN = "half-open"
    """One request, whose end decides."""


class CircuitBreaker:
    """Of one upstream and model."""

    def __init__(self) -> None:
        self._results: deque[bool] = deque(maxlen=WINDOW)
        self._failures = 0
        self._opened = 0
        self._probing_since: float | None = None
        self._is_tripped = False
        self.reason = ""
        """Why it is not closed."""
        self.expires = 0.0
        """When it lets the next request through, on the clock of its caller; 0 while it is closed."""

    def state(self, now: float) -> BreakerState:
        """What it lets through now."""
        if now < self.expires:
            return BreakerState.OPEN if self._is_tripped else BreakerState.PAUSED
        return BreakerState.HALF_OPEN if self._is_tripped else BreakerState.CLOSED

    def admits(self, now: float) -> bool:
        """Whether a request may be sent now."""
        state = self.state(now)
        if state is BreakerState.HALF_OPEN:
            return self._probing_since is None or now - self._probing_since > PROBE_LIMIT_S
        return state is BreakerState.CLOSED

    def begin(self, now: float) -> None:
        """A request is sent."""
        if self.state(now) is BreakerState.HALF_OPEN:
            self._probing_since = now

    def succeed(self) -> None:
        """A request was answered, if only with the client's own fault."""
        self._results.append(True)
        self._failures, self._probing_since = 0, None
        if self._is_tripped:  # a pause goes on: other requests were under way when the upstream asked for it
            self._opened, self._is_tripped, self.expires, self.reason = 0, False, 0.0, ""

    def abandon(self) -> None:
        """A request ended without showing anything: its client left."""
        self._probing_since = None

    def pause(self, now: float, seconds: float) -> None:
        """The upstream asks to be left alone; that is no failure."""
        self._probing_since = None
        length = min(max(seconds, 0.0) or DEFAULT_PAUSE_S, LONGEST_PAUSE_S)
        self.expires = max(self.expires, now + length)
        self.reason = "429"

    def fail(self, now: float, reason: str) -> None:
        """A request failed by the upstream's fault."""
        was_probe = self._is_tripped
        self._results.append(False)
        self._failures += 1
        self._probing_since = None
        failed = self._results.count(False)
        by_rate = len(self._results) >= MIN_REQUESTS and failed >= FAILURE_RATE * len(self._results)
        if was_probe and now < self.expires:
            return  # one that was sent before it opened
        if was_probe or self._failures >= CONSECUTIVE_FAILURES or by_rate:
            self._is_tripped = True
            self.expires = now + min(FIRST_OPEN_S * 2.0**self._opened, LONGEST_OPEN_S)
            self._opened = min(self._opened + 1, 16)
            self.reason = reason
            self._results.clear()
