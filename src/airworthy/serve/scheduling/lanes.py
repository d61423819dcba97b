"""How many runs a worker gets at the same time, and which of them get all threads."""

from __future__ import annotations

import sys

from airworthy.serve.scheduling.queue import RequestQueue
from airworthy.serve.scheduling.requests import QueuedRequest
from airworthy.serve.scheduling.scheduler import Limits
from airworthy.serve.scheduling.wait_estimate import WaitEstimator
from airworthy.serve.workers.supervisor import WorkerSupervisor

LONG_RUN_S = 0.0015
"""Seconds from which on a run is worth a lane of its own."""
MAX_SHORT_BATCHES = 8
"""Full batches of short runs that a worker may have at the same time."""
PREFETCH_BELOW_S = 0.05
"""Runs shorter than this are prefetched: the gap between two of them would cost throughput."""


class LanePolicy:
    """Decides for the workers of one model, by what its runs take."""

    def __init__(self, queue: RequestQueue[QueuedRequest], estimator: WaitEstimator) -> None:
        self._queue = queue
        self._estimator = estimator
        self.tuned = sys.maxsize
        """Lanes that tuning found best; the worker's own number bounds it."""

    def lanes(self, worker: WorkerSupervisor) -> int:
        """How many runs a worker gets at the same time: several only where a run lasts long enough to be worth it.

        Short runs are better spent in larger batches, which form while the one run lasts. A request that a worker may
        have died of has its worker to itself, so that a second death takes no other request along.
        """
        assert worker.ready is not None
        if worker.suspected or (self._queue and self._queue[0].isolated):
            return 1
        return min(worker.ready.lanes, self.tuned) if self._estimator.run_time > LONG_RUN_S else 1

    def takes_batch(self, worker: WorkerSupervisor, limits: Limits) -> bool:
        """Whether a worker gets a batch now: into a free lane, or ahead of one that will be free."""
        return worker.is_ready and (worker.running < self.lanes(worker) or self._may_prefetch(worker, limits))

    def _may_prefetch(self, worker: WorkerSupervisor, limits: Limits) -> bool:
        """Whether a worker gets a full batch, which waiting would not make better, while all its lanes have one.

        Under overload one turn of the event loop reads many requests, and a worker of a small model would have done its
        one batch long before the turn is over. A lane of a larger model finds its next batch in the socket, and need
        not wait for the gateway, which has no core of its own.
        """
        queue, usual = self._queue, self._estimator.run_time
        if worker.suspected or not queue or queue[0].isolated:
            return False
        if usual <= LONG_RUN_S:
            return usual > 0 and worker.running < MAX_SHORT_BATCHES and len(queue) >= limits.rows > 1
        full = limits.tokens if queue[0].length else limits.rows
        return usual <= PREFETCH_BELOW_S and worker.running <= self.lanes(worker) and queue.work >= full

    def is_exclusive(self, worker: WorkerSupervisor, in_flight: int) -> bool:
        """Whether a run gets all threads: nothing is beside it, and it lasts long enough to be divided among them.

        Args:
            worker: where it runs.
            in_flight: batches that workers have now.
        """
        assert worker.ready is not None
        if 0 < self._estimator.run_time <= LONG_RUN_S:
            return False
        return (not in_flight and not self._queue) or min(worker.ready.lanes, self.tuned) == 1
