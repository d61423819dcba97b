"""Forms batches of waiting requests, sends them to workers, and delivers the outputs.

Everything here runs on one event loop. Each request ends in exactly one way: with its own rows, or with an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from airworthy.core.errors import AirworthyError
from airworthy.serve import errors
from airworthy.serve.metrics.metrics import ModelMetrics
from airworthy.serve.scheduling.assembly import RowsLost, assemble, disassemble
from airworthy.serve.scheduling.cost_curve import RunCosts
from airworthy.serve.scheduling.in_flight import InFlightBatch, InFlightBatches
from airworthy.serve.scheduling.lanes import LanePolicy
from airworthy.serve.scheduling.outcomes import Outcomes
from airworthy.serve.scheduling.queue import RequestQueue
from airworthy.serve.scheduling.requests import QueuedRequest
from airworthy.serve.scheduling.retry_policy import Retry, after_failure, after_worker_exit
from airworthy.serve.scheduling.scheduler import Batch, Limits, Scheduler, Wait
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.scheduling.wait_estimate import WaitEstimator
from airworthy.serve.workers.supervisor import WorkerSupervisor
from airworthy.serve.workers.wire import Run, RunFailure, RunResult, TrialReply, WireError, split

MAX_LOGGED_IDS = 8
"""Request ids that the log names of a batch whose worker died."""


class BatchDispatcher:
    """Takes the requests of one model from its queue to its workers and back."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        metrics: ModelMetrics,
        outcomes: Outcomes,
        padding: Mapping[str, bytes] | None = None,
        on_shorter: Callable[[], None] | None = None,
    ) -> None:
        """Plan it.

        Args:
            name: the model's name.
            limits: the bounds of a batch.
            metrics: the model's counters.
            outcomes: ends requests.
            padding: as `assemble`.
            on_shorter: called when the queue has become shorter.
        """
        self._name = name
        self._metrics = metrics
        self._outcomes = outcomes
        self._padding = padding
        self._on_shorter = on_shorter
        self._scheduler = Scheduler(limits)
        self._costs = RunCosts()
        self._pumping = False
        self._alarm: asyncio.TimerHandle | None = None
        self.queue: RequestQueue[QueuedRequest] = RequestQueue()
        """The requests that wait."""
        self.in_flight = InFlightBatches()
        """The batches that workers have."""
        self.estimator = WaitEstimator()
        """What is learnt from runs about the wait."""
        self._lanes = LanePolicy(self.queue, self.estimator)
        self._workers: Sequence[WorkerSupervisor] = ()

    def start(self, workers: Sequence[WorkerSupervisor]) -> None:
        """Send to these workers from now on, in this order."""
        self._loop = asyncio.get_running_loop()
        self._workers = workers

    def stop(self) -> None:
        """Form no more batches; those whose workers are gone end without a reply."""
        self._set_alarm(None)
        for batch in self.in_flight.take_all():
            if batch.trials is not None:
                batch.trials.take(None)

    def put(self, request: QueuedRequest) -> None:
        """Put a request into the queue."""
        self.queue.append(request)
        if not self._pumping:
            self._pump_soon()

    def join(self, limits: Limits) -> None:
        """Let requests share runs within these bounds from now on."""
        self._scheduler.limits = limits

    def take_profile(self, profile: Profile, limits: Limits) -> None:
        """Run as was found to be best; what runs cost is corrected from here on.

        Args:
            profile: what tuning found.
            limits: the bounds of a batch from now on.
        """
        self._lanes.tuned = profile.lanes
        if self._scheduler.limits.rows > 1:  # else its batches are known to lose rows
            self._scheduler.limits = limits
        self._costs = RunCosts(profile.points)
        self._scheduler.cost = self._costs.curve
        self.estimator.expect(profile.points, profile.lanes)

    # --- batches --------------------------------------------------------------------------------------------------

    def _pump_soon(self) -> None:
        """Form batches after everything that has arrived with this turn of the loop is in the queue."""
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        workers, lanes, limits = self._workers, self._lanes, self._scheduler.limits
        free = sum(lanes.lanes(worker) - worker.running for worker in workers if worker.is_ready)
        for worker in workers:
            while lanes.takes_batch(worker, limits):
                while self.queue and self.queue[0].future.done():
                    self.queue.take((self.queue[0],))
                decision = self._scheduler.step(self._loop.time(), self.queue, max(1, free))
                if isinstance(decision, Wait):
                    self._set_alarm(decision.until)
                    return
                self._send(worker, decision)
                free -= 1

    def _set_alarm(self, until: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if until is not None:
            self._alarm = self._loop.call_at(until, self._pump)

    def _send(self, worker: WorkerSupervisor, batch: Batch) -> None:
        chosen: tuple[QueuedRequest, ...] = batch.tickets  # type: ignore[assignment]
        self.queue.take(chosen)
        if self._on_shorter is not None:
            self._on_shorter()
        live = tuple(request for request in chosen if not request.future.done())
        if not live:
            return
        now = self._loop.time()
        for request in live:
            request.sent = now
            request.attempts += 1
        metas, data = assemble([request.tensors for request in live], self._padding)
        exclusive = self._lanes.is_exclusive(worker, len(self.in_flight))
        budget = max(request.deadline for request in live) - now
        number = self.in_flight.add(worker, live, now, exclusive=exclusive)
        worker.suspected = live[0].isolated
        assert worker.link is not None
        worker.link.send(Run(number, metas, budget, live[0].wanted, exclusive), data)

    def take_reply(self, reply: RunResult | RunFailure | TrialReply, data: memoryview) -> None:
        """A worker replied to a batch."""
        batch = self.in_flight.take(reply.id)
        if batch is None:
            return
        if batch.trials is not None:
            batch.trials.take(reply)
        elif isinstance(reply, RunResult):
            self._deliver(batch, reply, data)
        elif isinstance(reply, RunFailure):
            self._run_again(after_failure(batch.requests, errors.from_failure(reply.code, reply.params)))
        if self.queue:
            self._pump()

    def _deliver(self, batch: InFlightBatch, result: RunResult, data: memoryview) -> None:
        requests = batch.requests
        try:
            outputs = disassemble(list(split(result.outputs, data)), [request.rows for request in requests])
        except RowsLost:
            # The model's batch axis is none. From now on its requests run one by one.
            self._scheduler.limits = Limits(rows=1)
            self._run_again(Retry(requests))
            return
        except WireError as error:
            self._run_again(after_failure(requests, errors.InferenceFailed(detail=str(error))))
            return
        now = self._loop.time()
        self.estimator.learn(batch.sent, now, sum(request.work for request in requests), result.seconds)
        self._learn(batch, result.seconds)
        self._metrics.batch(batch.rows, result.seconds)
        self._outcomes.deliver(requests, outputs, now)

    def _learn(self, batch: InFlightBatch, seconds: float) -> None:
        """Correct what padding is worth. Runs that had all threads say nothing of those side by side."""
        if not batch.requests[0].length or (batch.exclusive and self._lanes.lanes(batch.worker) > 1):
            return
        self._costs.learn(batch.work, seconds)
        self._scheduler.cost = self._costs.curve

    def _run_again(self, retry: Retry) -> None:
        for request, error in retry.refused:
            self._outcomes.refuse(request, error)
        again = [request for request in retry.again if not request.future.done()]
        for request in again:
            request.isolated = True
        self.queue.put_back(again)
        self._pump_soon()

    # --- what happens to workers ----------------------------------------------------------------------------------

    def take_ready(self, worker: WorkerSupervisor) -> None:
        """A worker takes batches from now on."""
        assert worker.ready is not None
        self._metrics.started(worker.ready.seconds)
        self._pump_soon()

    def take_exit(self, worker: WorkerSupervisor, error: AirworthyError) -> None:
        """A worker is gone; its batches run again, or are refused."""
        self._metrics.ended()
        for batch in self.in_flight.take_all(worker):
            if batch.trials is not None:
                batch.trials.take(None)
            else:
                ids = ",".join(filter(None, (request.request_id() for request in batch.requests[:MAX_LOGGED_IDS])))
                worker.log("batch_lost", logging.WARNING, requests=len(batch.requests), request_ids=ids)
            self._run_again(after_worker_exit(batch.requests, self._name, error))
        self._pump_soon()
