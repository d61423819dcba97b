"""Whether a model's queue takes one more: plain arithmetic on its length and on what is foretold."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from airworthy.core.settings import ServeSettings
from airworthy.serve.scheduling.wait_estimate import WaitEstimator

QUEUE = 256
"""Requests that may wait however long they take, where the settings name no number."""
SHORT_WAIT = 1.0
"""Seconds that a queue which is longer than that may take."""
MOST_QUEUE = 1 << 14
"""Requests in such a queue, for the memory that they hold."""
MOST_WAIT = 0.8
"""The share of the deadline that a request may be foretold to wait; the rest is for running and for being wrong."""
LOW_SHARE = 0.5
"""The share of the queue that others leave to requests of low priority."""
LEAST_RETRY = 1.0
"""Seconds after which another try makes sense, at the least."""


class QueueFull(NamedTuple):
    """A queue that takes nobody more."""

    waiting: int
    """Requests in it."""
    wait: float
    """Seconds after which another try makes sense."""


class Queue(Protocol):
    """What is to be known of a queue."""

    work: int
    """Rows or tokens that wait."""

    def __len__(self) -> int:
        """Requests that wait."""


class QueueCapacity:
    """The room in one queue."""

    def __init__(self, settings: ServeSettings, queue: Queue, forecast: WaitEstimator) -> None:
        self._most = settings.max_queue
        self._longest = settings.deadline * MOST_WAIT
        self._queue = queue
        self._forecast = forecast

    def full(self, coming: int = 0) -> QueueFull | None:
        """How long the queue is; None while there is room in it, and in the time that is left for those inside.

        Args:
            coming: requests that were let in and are not in the queue yet.
        """
        queued = len(self._queue) + coming
        if not queued:
            return None
        wait = self._forecast.wait(self._queue.work * queued // max(1, len(self._queue)), queued)
        if wait <= self._longest and self._has_room(queued, wait):
            return None
        return QueueFull(queued, max(LEAST_RETRY, wait))

    def _has_room(self, queued: int, wait: float) -> bool:
        if self._most:
            return queued < self._most
        return queued < QUEUE or (wait <= SHORT_WAIT and queued < MOST_QUEUE)

    def full_of_others(self) -> QueueFull | None:
        """The same for a request of low priority; None while there is room for such."""
        queued = len(self._queue)
        if queued < LOW_SHARE * (self._most or QUEUE):
            return None
        return QueueFull(queued, max(LEAST_RETRY, self._forecast.wait(self._queue.work, queued)))
