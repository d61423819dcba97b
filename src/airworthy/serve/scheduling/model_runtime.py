"""One load of a model: its workers, the requests inside, and the way in and out.

A model that is loaded again gets another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.metrics.metrics import ModelMetrics
from airworthy.serve.scheduling.admission import ADMITTED, ANY_REQUEST, Admission, Demand
from airworthy.serve.scheduling.batch_dispatcher import BatchDispatcher
from airworthy.serve.scheduling.capacity import QueueCapacity, QueueFull
from airworthy.serve.scheduling.deadlines import DeadlineSweeper
from airworthy.serve.scheduling.in_flight import RowTrialsRun, TuningRuns
from airworthy.serve.scheduling.outcomes import Outcomes
from airworthy.serve.scheduling.request_options import USUAL, Priority, RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest, QueuedRequest
from airworthy.serve.scheduling.scheduler import Limits
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.tensors import Tensor
from airworthy.serve.workers.pool import WorkerPool
from airworthy.serve.workers.row_checks import RowTrials, TrialOutcome
from airworthy.serve.workers.supervisor import MakeLink, WorkerSupervisor
from airworthy.serve.workers.wire import Load, Run, TrialRequest

HEAD_START_SHARE = 0.25
"""The share of the deadline by which a request of high priority counts as older, and one of low priority as younger."""
RESTART_WAIT_SHARE = 0.25
"""The share of the deadline that requests are let wait for a worker to be started again."""
NOT_READY_RETRY_S = 0.5
"""Seconds after which another try makes sense where no worker is ready."""


class ModelRuntime:
    """Runs one model's requests on its workers."""

    def __init__(
        self,
        load: Load,
        settings: ServeSettings,
        make_link: MakeLink,
        metrics: ModelMetrics,
        limits: Limits,
        padding: Mapping[str, bytes] | None = None,
        on_shorter: Callable[[], None] | None = None,
    ) -> None:
        """Plan it; nothing starts.

        Args:
            load: what the workers load.
            settings: the service's settings.
            make_link: how a worker is reached.
            metrics: the model's counters.
            limits: the bounds of a batch.
            padding: as `assemble`.
            on_shorter: called when the queue has become shorter.
        """
        self.name = load.model.name
        self._settings = settings
        self._metrics = metrics
        self._outcomes = Outcomes(metrics)
        self._batches = BatchDispatcher(self.name, limits, metrics, self._outcomes, padding, on_shorter)
        self._draining = False
        self._last_submitted = 0.0
        self.pool = WorkerPool(
            load,
            settings.workers.count,
            settings.workers.load_timeout,
            make_link,
            self._batches.take_reply,
            self._batches.take_ready,
            self._batches.take_exit,
        )
        """The workers."""
        queue, in_flight = self._batches.queue, self._batches.in_flight
        self._sweeper = DeadlineSweeper(
            queue, in_flight, self._outcomes, settings.workers.stall_timeout, self._replace_stalled
        )
        capacity = QueueCapacity(settings, queue, self._batches.estimator)
        self.admission = Admission(capacity, self._is_accepting)
        """Whether a request is let in."""

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the workers."""
        self._loop = asyncio.get_running_loop()
        self._batches.start(self.pool.workers)
        self.pool.start()

    @property
    def ready(self) -> bool:
        """Whether a worker takes work and requests are let in."""
        return not self._draining and self.pool.ready is not None

    @property
    def state(self) -> str:
        """Its state in one word."""
        return "draining" if self._draining else self.pool.state

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._batches.queue)

    @property
    def running(self) -> int:
        """Requests that workers have."""
        return sum(1 for _ in self._batches.in_flight.requests())

    def describe(self) -> dict[str, Any]:
        """Its state as plain JSON data, for the health page."""
        return {
            "state": self.state,
            "waiting": self.waiting,
            "running": self.running,
            "workers": self.pool.describe(),
        }

    async def drain(self, timeout: float) -> None:
        """Admit nothing more and wait for the requests inside, at most `timeout` seconds; refuse the rest then."""
        self._draining = True
        inside = self._inside()
        if inside:
            await asyncio.wait({request.future for request in inside}, timeout=timeout)
        self._refuse_all()

    async def stop(self, timeout: float) -> None:
        """Stop the workers; requests that are still inside are refused."""
        self._draining = True
        self._refuse_all()
        self._sweeper.stop()
        await self.pool.stop(timeout)
        self._batches.stop()

    def _inside(self) -> list[QueuedRequest]:
        return [*self._batches.queue, *self._batches.in_flight.requests()]

    def _refuse_all(self) -> None:
        for request in self._inside():
            self._outcomes.refuse(request, self._not_ready())
        self._batches.queue.clear()

    # --- requests -------------------------------------------------------------------------------------------------

    def require(self, demand: Demand = ANY_REQUEST, request_id: Callable[[], str] = str) -> None:
        """Refuse a request that is not admitted.

        Args:
            demand: what it asks for.
            request_id: its client's own name for it.

        Raises:
            NotReady: no worker will take it soon.
            Overloaded: the queue does not take it.
        """
        decision = self.admission.decide(demand)
        if decision is ADMITTED:
            return
        if isinstance(decision, QueueFull):
            self._metrics.rejected("overloaded", request_id())
            raise errors.Overloaded(name=self.name, waiting=decision.waiting, retry_after=decision.wait)
        self._metrics.rejected("not-ready", request_id())
        raise self._not_ready()

    def submit(self, request: InferenceRequest, options: RequestOptions = USUAL) -> asyncio.Future[tuple[Tensor, ...]]:
        """Put a request that was admitted into the queue.

        Args:
            request: the request.
            options: how long it waits, and before which others.

        Returns:
            A future of its outputs. Cancelling it takes the request out.

        Raises:
            NotReady: the model is being taken out of service.
        """
        if self._draining:
            raise self._not_ready()
        now = self._loop.time()
        deadline = self._settings.deadline
        patience = min(deadline, options.timeout) if options.timeout else deadline
        future: asyncio.Future[tuple[Tensor, ...]] = self._loop.create_future()
        queued = QueuedRequest(now, options.arrived or now, patience, request, future, options.request_id)
        if options.priority is not Priority.NORMAL:
            queued.rank += options.priority * HEAD_START_SHARE * deadline
        self._batches.put(queued)
        if options.watch is not None:
            options.watch(partial(self._outcomes.client_gone, queued))
        self._last_submitted = now
        self._sweeper.watch()
        return future

    def _is_accepting(self) -> bool:
        if self._draining:
            return False
        return self.pool.ready is not None or self.pool.restarts_within(self._settings.deadline * RESTART_WAIT_SHARE)

    def _not_ready(self) -> errors.NotReady:
        failure = self.pool.failure
        state = self.state if failure is None else say("{state} ({reason})", state=self.state, reason=failure.text)
        return errors.NotReady(name=self.name, state=state, retry_after=NOT_READY_RETRY_S)

    # --- how it runs best -----------------------------------------------------------------------------------------

    def join(self, limits: Limits) -> None:
        """Let requests share runs within these bounds from now on."""
        self._batches.join(limits)

    def take_profile(self, profile: Profile, limits: Limits) -> None:
        """Run as was found to be best; what runs cost is corrected from here on.

        Args:
            profile: what tuning found.
            limits: the bounds of a batch from now on.
        """
        self._batches.take_profile(profile, limits)

    def quiet_for(self) -> float:
        """Seconds since the last request; 0 while one is inside or no worker is ready."""
        if self._batches.queue or self._batches.in_flight or not self.ready:
            return 0.0
        return self._loop.time() - self._last_submitted

    async def time_runs(self, tensors: Sequence[Tensor], *, exclusive: bool, copies: int) -> float | None:
        """Time runs that no client asked for, side by side on one worker.

        Args:
            tensors: the inputs of each.
            exclusive: whether a run may have all threads.
            copies: how many run.

        Returns:
            The runtime's seconds for the slowest; None where one failed.
        """
        worker = self.pool.ready
        if worker is None or worker.link is None:
            return None
        trials = TuningRuns(copies)
        metas, now = tuple(tensor.meta for tensor in tensors), self._loop.time()
        for _ in range(copies):
            number = self._batches.in_flight.add(worker, (), now, exclusive=exclusive, trials=trials)
            run = Run(number, metas, self._settings.workers.stall_timeout, (), exclusive)
            worker.link.send(run, [tensor.data for tensor in tensors])
        self._sweeper.watch()
        return await trials.done

    async def try_rows(self, trials: RowTrials) -> TrialOutcome | None:
        """Let a worker find by trial runs whether requests may share a run; None where it could not."""
        worker = self.pool.ready
        if worker is None or worker.link is None:
            return None
        made = RowTrialsRun()
        number = self._batches.in_flight.add(worker, (), self._loop.time(), exclusive=False, trials=made)
        worker.link.send(TrialRequest(number, trials), ())
        self._sweeper.watch()
        return await made.done

    def _replace_stalled(self, worker: WorkerSupervisor) -> None:
        self._metrics.stalled()
        self.pool.replace(worker, "stall", self._settings.workers.stall_timeout)
