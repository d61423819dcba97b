"""How many requests a model's queue takes: plain arithmetic on its length and on the estimated wait."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from airworthy.core.settings import ServeSettings
from airworthy.serve.scheduling.wait_estimate import WaitEstimator

BASE_QUEUE_REQUESTS = 256
"""Requests that may wait whatever the estimate, where the settings give no number."""
SHORT_WAIT_S = 1.0
"""Seconds that a longer queue may take."""
MAX_QUEUE_REQUESTS = 1 << 14
"""Requests in such a queue, for the memory that they hold."""
MAX_WAIT_SHARE = 0.8
"""The share of the deadline that a request may be estimated to wait; the rest is for its run and for errors."""
LOW_PRIORITY_SHARE = 0.5
"""The share of the queue that requests of low priority may fill alone."""
MIN_RETRY_S = 1.0
"""Seconds after which another try makes sense, at the least."""


class QueueFull(NamedTuple):
    """A queue that does not take the request."""

    waiting: int
    """Requests in it."""
    wait: float
    """Seconds after which another try makes sense."""


class Queue(Protocol):
    """What capacity depends on."""

    work: int
    """Rows or tokens that wait."""

    def __len__(self) -> int:
        """Requests that wait."""


class Place:
    """A place in a queue that is kept for one input until it joins the queue, or turns out not to need it."""

    __slots__ = ("_capacity", "_work")

    def __init__(self, capacity: QueueCapacity, work: int) -> None:
        self._capacity: QueueCapacity | None = capacity
        self._work = work

    def release(self, _done: object = None) -> None:
        """Give the place up; calling it again does nothing. A future may call it when it is done."""
        if self._capacity is not None:
            self._capacity.reserved -= 1
            self._capacity.reserved_work -= self._work
            self._capacity = None


class QueueCapacity:
    """What one queue takes, with the places that are reserved in it."""

    def __init__(self, settings: ServeSettings, queue: Queue, estimator: WaitEstimator) -> None:
        self._max_requests = settings.batching.max_queue
        self._longest = settings.deadline * MAX_WAIT_SHARE
        self._queue = queue
        self._estimator = estimator
        self.reserved = 0
        """Places that are reserved."""
        self.reserved_work = 0
        """The work that they are reserved for, in rows or tokens."""

    def reserve(self, work: int) -> Place:
        """Keep a place for an input of so much work."""
        self.reserved += 1
        self.reserved_work += work
        return Place(self, work)

    def check(self, inputs: int, work: int, patience: float, arriving: int) -> QueueFull | None:
        """Whether the queue takes a request with all of its inputs; None if it does.

        A queue in which nothing waits takes any request: its own deadline bounds it.

        Args:
            inputs: how many inputs it has.
            work: their work together, in rows or tokens.
            patience: seconds that its client waits; 0 for the service's deadline.
            arriving: requests that were admitted and are not in the queue yet.
        """
        queue = self._queue
        places = len(queue) + self.reserved
        ahead = places + arriving
        if not ahead:
            return None
        work_ahead = queue.work + self.reserved_work
        if arriving:
            work_ahead = work_ahead * ahead // max(1, places)
        last, last_work = ahead, work_ahead
        if inputs > 1:  # the last input waits for the others as well
            last, last_work = ahead + inputs - 1, work_ahead + work - work // inputs
        wait = self._estimator.wait(last_work, last)
        longest = min(self._longest, MAX_WAIT_SHARE * patience) if patience else self._longest
        if wait <= longest and self._has_places(ahead, last, work_ahead):
            return None
        return QueueFull(ahead, max(MIN_RETRY_S, wait))

    def _has_places(self, ahead: int, last: int, work_ahead: int) -> bool:
        if self._max_requests:
            return last < self._max_requests
        if last >= MAX_QUEUE_REQUESTS:
            return False
        return ahead < BASE_QUEUE_REQUESTS or self._estimator.wait(work_ahead, ahead) <= SHORT_WAIT_S

    def check_low_priority(self, inputs: int) -> QueueFull | None:
        """The same for a request of low priority, which leaves places for others."""
        ahead = len(self._queue) + self.reserved
        if not ahead or ahead + inputs - 1 < LOW_PRIORITY_SHARE * (self._max_requests or BASE_QUEUE_REQUESTS):
            return None
        return QueueFull(ahead, max(MIN_RETRY_S, self._estimator.wait(self._queue.work + self.reserved_work, ahead)))
