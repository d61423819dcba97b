"""Ends what takes too long: requests whose deadline passed, runs that no client waits for, workers that stall."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from airworthy.serve.scheduling.in_flight import InFlightBatches
from airworthy.serve.scheduling.outcomes import Outcomes
from airworthy.serve.scheduling.queue import RequestQueue
from airworthy.serve.scheduling.requests import QueuedRequest
from airworthy.serve.workers.supervisor import WorkerSupervisor

SWEEP_INTERVAL_S = 0.05
"""Seconds between two sweeps while requests are inside."""


class DeadlineSweeper:
    """Sweeps the queue and the batches of one model, while there is something in them."""

    def __init__(
        self,
        queue: RequestQueue[QueuedRequest],
        in_flight: InFlightBatches,
        outcomes: Outcomes,
        stall_timeout: float,
        on_stall: Callable[[WorkerSupervisor], None],
    ) -> None:
        """Watch over these.

        Args:
            queue: the requests that wait.
            in_flight: the batches that workers have.
            outcomes: ends requests.
            stall_timeout: seconds after which a worker that has not replied to a batch is taken to hang.
            on_stall: called with each such worker.
        """
        self._queue = queue
        self._in_flight = in_flight
        self._outcomes = outcomes
        self._stall_timeout = stall_timeout
        self._on_stall = on_stall
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Sweep from now on; called whenever something comes in."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_INTERVAL_S, self._sweep_on)

    def stop(self) -> None:
        """Sweep no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep_on(self) -> None:
        self._timer = None
        self.sweep(asyncio.get_running_loop().time())
        if self._queue or self._in_flight:
            self.watch()

    def sweep(self, now: float) -> None:
        """End what is too late at this time of the event loop's clock."""
        is_over = self._outcomes.is_over
        stalled: set[WorkerSupervisor] = set()
        for number, batch in self._in_flight.items():
            over = [is_over(request, now) for request in batch.requests]
            # A run is given up only when all requests that share it are over.
            if over and all(over):
                self._in_flight.cancel(number)
            if now - batch.sent > self._stall_timeout:
                stalled.add(batch.worker)
        self._queue.keep(lambda request: not is_over(request, now))
        for worker in stalled:
            self._on_stall(worker)
