"""The way of a request through one model: admission, queue, batch, worker, answer.

Everything here runs on one event loop. Each request ends in exactly one way: with its own rows, or with a refusal.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.metrics.metrics import ModelMetrics
from airworthy.serve.scheduling.assembly import RowsLost, assemble, disassemble
from airworthy.serve.scheduling.capacity import QueueCapacity, QueueFull
from airworthy.serve.scheduling.cost_curve import RunCosts
from airworthy.serve.scheduling.in_flight import InFlightBatch, RowTrialsRun, TuningRuns
from airworthy.serve.scheduling.queue import RequestQueue
from airworthy.serve.scheduling.request_options import USUAL, Priority, RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest, QueuedRequest
from airworthy.serve.scheduling.scheduler import Batch, Limits, Scheduler, Wait
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.scheduling.wait_estimate import WaitEstimator
from airworthy.serve.tensors import Tensor
from airworthy.serve.workers.row_checks import RowTrials, TrialOutcome
from airworthy.serve.workers.supervisor import MakeLink, WorkerState, WorkerSupervisor
from airworthy.serve.workers.wire import (
    Load,
    Ready,
    Run,
    RunFailure,
    RunResult,
    TrialReply,
    TrialRequest,
    WireError,
    split,
)

SWEEP = 0.05
"""Seconds between two looks at deadlines, stalls and runs that nobody waits for any more."""
LONG_RUN = 0.0015
"""Seconds from which on a run is worth a lane of its own."""
AHEAD = 8
"""Full batches of short runs that a runner may have at the same time."""
PREFETCH_BELOW_S = 0.05
"""Seconds of a run up to which it shows that its lane is idle until the gateway has sent the next one."""
HEAD_START = 0.25
"""The share of the deadline by which a request of high priority counts as older, and one of low priority as younger."""
MOST_TRIES = 2
"""How often a request is given to a worker that dies of it or of a neighbour."""


class Dispatcher:
    """Serves one model through its runners."""

    def __init__(
        self,
        load: Load,
        settings: ServeSettings,
        make_link: MakeLink,
        meters: ModelMetrics,
        limits: Limits,
        padding: Mapping[str, bytes] | None = None,
        on_room: Callable[[], None] | None = None,
    ) -> None:
        self.name = load.model.name
        self._settings = settings
        self._meters = meters
        self._padding = padding
        self._on_room = on_room
        self._scheduler = Scheduler(limits)
        self._queue: RequestQueue[QueuedRequest] = RequestQueue()
        self._flights: dict[int, InFlightBatch] = {}
        self._given_up: set[int] = set()
        self._number = 0
        self._pumping = False
        self._alarm: asyncio.TimerHandle | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._draining = False
        self._first: asyncio.Future[Ready] | None = None
        self._forecast = WaitEstimator()
        self.room = QueueCapacity(settings, self._queue, self._forecast)
        """Whether one more is let in."""
        self._costs = RunCosts()
        self._lanes_wanted = sys.maxsize
        self._last_asked = 0.0
        self.slots = tuple(
            WorkerSupervisor(make_link, load, settings.load_timeout, self._take_reply, self._take_ready, self._take_end)
            for _ in range(settings.workers)
        )

    # --- life -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the runners."""
        self._loop = asyncio.get_running_loop()
        self._first = self._loop.create_future()
        for slot in self.slots:
            slot.start()

    async def loaded(self) -> Ready:
        """Wait until the first runner is ready.

        Raises:
            AirworthyError: all runners failed at their first start.
        """
        assert self._first is not None
        return await asyncio.shield(self._first)

    @property
    def ready(self) -> bool:
        """Whether a runner takes work and requests are let in."""
        if not self._draining:
            for slot in self.slots:
                if slot.state is WorkerState.READY:
                    return True
        return False

    @property
    def state(self) -> str:
        """What a person would say of it, in one word."""
        if self._draining:
            return "draining"
        states = {slot.state for slot in self.slots}
        order = (WorkerState.READY, WorkerState.STARTING, WorkerState.WAITING, WorkerState.FAILED)
        return next((state.value for state in order if state in states), WorkerState.STOPPED.value)

    @property
    def words(self) -> str:
        """The last that its runners printed."""
        return "\n".join(slot.link.words for slot in self.slots if slot.link is not None)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Requests that workers have."""
        return sum(len(flight.pendings) for flight in self._flights.values())

    async def drain(self, timeout: float) -> None:
        """Let nobody in any more and wait for those who are, at most `timeout` seconds; refuse the rest then."""
        self._draining = True
        inside = self._inside()
        if inside:
            await asyncio.wait({pending.answer for pending in inside}, timeout=timeout)
        self._refuse_all()

    async def stop(self, timeout: float) -> None:
        """End the runners; who is still inside is refused."""
        self._draining = True
        self._refuse_all()
        for timer in (self._alarm, self._sweeper):
            if timer is not None:
                timer.cancel()
        await asyncio.gather(*(slot.stop(timeout) for slot in self.slots))
        for flight in self._flights.values():
            if flight.trials is not None:
                flight.trials.take(None)
        self._flights.clear()

    def _inside(self) -> list[QueuedRequest]:
        return [*self._queue, *(pending for flight in self._flights.values() for pending in flight.pendings)]

    def _refuse_all(self) -> None:
        for pending in self._inside():
            self._refuse(pending, self._not_ready())
        self._queue.clear()

    # --- in and out -----------------------------------------------------------------------------------------------

    def check_room(self) -> None:
        """Refuse at once what would be refused after its body was read.

        Raises:
            Refusal: the model isn't ready, or its queue is full.
        """
        if self._draining:
            raise self._not_ready()
        if not self.ready and not any(slot.starts > 1 and self._starts_soon(slot) for slot in self.slots):
            raise self._not_ready()
        if (full := self.room.full()) is not None:
            raise self._overloaded(full)

    def submit(self, asked: InferenceRequest, terms: RequestOptions = USUAL) -> asyncio.Future[tuple[Tensor, ...]]:
        """Let a request in.

        Args:
            asked: the request.
            terms: how long it waits, and before whom.

        Returns:
            Its outputs, once they are there. Cancelling it takes the request out.

        Raises:
            Overloaded: it has a low priority, and the queue is filled with what has none.
        """
        now = self._loop.time()
        deadline = self._settings.deadline
        patience = min(deadline, terms.timeout) if terms.timeout else deadline
        answer: asyncio.Future[tuple[Tensor, ...]] = self._loop.create_future()
        pending = QueuedRequest(now, terms.arrived or now, patience, asked, answer)
        if terms.priority is not Priority.NORMAL:
            if terms.priority is Priority.LOW and (full := self.room.full_of_others()) is not None:
                raise self._overloaded(full)
            pending.rank += terms.priority * HEAD_START * deadline
        self._queue.append(pending)
        if terms.watch is not None:
            terms.watch(partial(self._client_gone, pending))
        self._last_asked = now
        self._pump_soon()
        self._watch_over()
        return answer

    def _watch_over(self) -> None:
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    # --- how it runs best -----------------------------------------------------------------------------------------

    def take_profile(self, profile: Profile, limits: Limits) -> None:
        """Run as was found to be best; what runs cost is corrected from here on.

        Args:
            profile: what a search found.
            limits: the bounds of a batch from now on.
        """
        self._lanes_wanted = profile.lanes
        if self._scheduler.limits.rows > 1:  # else its batches are known to lose rows
            self._scheduler.limits = limits
        self._costs = RunCosts(profile.points)
        self._scheduler.cost = self._costs.curve
        self._forecast.expect(profile.points, profile.lanes)

    def quiet_for(self) -> float:
        """Seconds since the last request; 0 while one is inside or no runner is ready."""
        if self._queue or self._flights or not self.ready:
            return 0.0
        return self._loop.time() - self._last_asked

    async def trial(self, tensors: Sequence[Tensor], *, exclusive: bool, copies: int) -> float | None:
        """Time runs that nobody asked for, side by side on one runner.

        Args:
            tensors: the inputs of each.
            exclusive: whether a run may have all threads.
            copies: how many run.

        Returns:
            The runtime's seconds for the slowest; None where one failed.
        """
        slot = next((slot for slot in self.slots if slot.state is WorkerState.READY), None)
        if slot is None or slot.link is None:
            return None
        trials = TuningRuns(copies)
        metas, now = tuple(tensor.meta for tensor in tensors), self._loop.time()
        for _ in range(copies):
            self._number += 1
            self._flights[self._number] = InFlightBatch(slot, (), now, exclusive, trials)
            slot.running += 1
            run = Run(self._number, metas, self._settings.stall_timeout, (), exclusive)
            slot.link.send(run, [tensor.data for tensor in tensors])
        self._watch_over()
        return await trials.done

    def join(self, limits: Limits) -> None:
        """Let requests share runs within these bounds from now on."""
        self._scheduler.limits = limits

    async def try_rows(self, trials: RowTrials) -> TrialOutcome | None:
        """Let a runner find by trial runs whether requests may share a run; None where it could not."""
        slot = next((slot for slot in self.slots if slot.state is WorkerState.READY), None)
        if slot is None or slot.link is None:
            return None
        made = RowTrialsRun()
        self._number += 1
        self._flights[self._number] = InFlightBatch(slot, (), self._loop.time(), False, made)
        slot.running += 1
        slot.link.send(TrialRequest(self._number, trials), ())
        self._watch_over()
        return await made.done

    # --- batches --------------------------------------------------------------------------------------------------

    def _pump_soon(self) -> None:
        """Form batches after everything that has arrived with this turn of the loop is in the queue."""
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        free = sum(self._lanes(slot) - slot.running for slot in self.slots if slot.state is WorkerState.READY)
        for slot in self.slots:
            while slot.state is WorkerState.READY and (slot.running < self._lanes(slot) or self._may_send_ahead(slot)):
                while self._queue and self._queue[0].answer.done():
                    self._queue.take((self._queue[0],))
                decision = self._scheduler.step(self._loop.time(), self._queue, max(1, free))
                if isinstance(decision, Wait):
                    self._set_alarm(decision.until)
                    return
                self._send(slot, decision)
                free -= 1

    def _lanes(self, slot: WorkerSupervisor) -> int:
        """How many runs a runner gets at the same time: several only where a run lasts long enough to be worth it.

        Short runs are better spent in larger batches, which form while the one run lasts. A request that a worker may
        have died of has its worker to itself, so that it takes nobody else along a second time.
        """
        assert slot.ready is not None
        if slot.suspected or (self._queue and self._queue[0].isolated):
            return 1
        return min(slot.ready.lanes, self._lanes_wanted) if self._forecast.run_time > LONG_RUN else 1

    def _may_send_ahead(self, slot: WorkerSupervisor) -> bool:
        """Whether a runner gets a full batch, which waiting would not make better, while all its lanes have one.

        Under overload one turn of the event loop reads many requests, and a runner of a small model would have done its
        one batch long before the turn is over. A lane of a larger model finds its next batch in the socket, and need
        not wait for the gateway, which has no core of its own.
        """
        if slot.suspected or not self._queue or self._queue[0].isolated:
            return False
        usual, limits = self._forecast.run_time, self._scheduler.limits
        if usual <= LONG_RUN:
            return usual > 0 and slot.running < AHEAD and len(self._queue) >= limits.rows > 1
        most = limits.tokens if self._queue[0].length else limits.rows
        return usual <= PREFETCH_BELOW_S and slot.running <= self._lanes(slot) and self._queue.work >= most

    def _is_exclusive(self, slot: WorkerSupervisor) -> bool:
        """Whether a run gets all threads: nothing is beside it, and it lasts long enough to be divided among them."""
        assert slot.ready is not None
        if 0 < self._forecast.run_time <= LONG_RUN:
            return False
        return (not self._flights and not self._queue) or min(slot.ready.lanes, self._lanes_wanted) == 1

    def _set_alarm(self, until: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if until is not None:
            self._alarm = self._loop.call_at(until, self._pump)

    def _send(self, slot: WorkerSupervisor, batch: Batch) -> None:
        chosen: tuple[QueuedRequest, ...] = batch.tickets  # type: ignore[assignment]
        self._queue.take(chosen)
        if self._on_room is not None:
            self._on_room()
        live = tuple(pending for pending in chosen if not pending.answer.done())
        if not live:
            return
        self._number += 1
        now = self._loop.time()
        for pending in live:
            pending.sent = now
            pending.tries += 1
        metas, data = assemble([pending.tensors for pending in live], self._padding)
        exclusive = self._is_exclusive(slot)
        budget = max(pending.deadline for pending in live) - now
        run = Run(self._number, metas, budget, live[0].wanted, exclusive)
        self._flights[self._number] = InFlightBatch(slot, live, now, exclusive)
        slot.running += 1
        slot.suspected = live[0].isolated
        assert slot.link is not None
        slot.link.send(run, data)

    # --- what links tell ------------------------------------------------------------------------------------------

    def _take_ready(self, slot: WorkerSupervisor) -> None:
        assert self._first is not None
        assert slot.ready is not None
        self._meters.started(slot.ready.seconds)
        if not self._first.done():
            self._first.set_result(slot.ready)
        self._pump_soon()

    def _take_reply(self, reply: RunResult | RunFailure | TrialReply, data: memoryview) -> None:
        flight = self._flights.pop(reply.id, None)
        self._given_up.discard(reply.id)
        if flight is None:
            return
        flight.slot.running -= 1
        flight.slot.suspected = False
        if flight.trials is not None:
            flight.trials.take(reply)
        elif isinstance(reply, RunResult):
            self._deliver(flight, reply, data)
        elif isinstance(reply, RunFailure):
            self._blame(flight, errors.from_failure(reply.code, reply.params))
        if self._queue:
            self._pump()

    def _deliver(self, flight: InFlightBatch, answer: RunResult, data: memoryview) -> None:
        pendings = flight.pendings
        try:
            parts = disassemble(list(split(answer.outputs, data)), [pending.rows for pending in pendings])
        except RowsLost:
            # The model's batch axis is none. From now on its requests run one by one.
            self._scheduler.limits = Limits(rows=1)
            self._again(pendings, isolated=True)
            return
        except WireError as error:
            self._blame(flight, errors.InferenceFailed(detail=str(error)))
            return
        now = self._loop.time()
        self._forecast.learn(flight.sent, now, sum(pending.work for pending in pendings), answer.seconds)
        self._learn(flight, answer.seconds)
        self._meters.batch(flight.rows, answer.seconds)
        for pending, part in zip(pendings, parts, strict=True):
            if not pending.answer.done():
                pending.answer.set_result(part)
                self._meters.answered(pending.sent - pending.arrived, now - pending.arrived)

    def _learn(self, flight: InFlightBatch, seconds: float) -> None:
        """Correct what padding is worth. Runs that had all threads to themselves tell nothing of those side by side."""
        if not flight.pendings[0].length or (flight.exclusive and self._lanes(flight.slot) > 1):
            return
        self._costs.learn(flight.work, seconds)
        self._scheduler.cost = self._costs.curve

    def _blame(self, flight: InFlightBatch, error: AirworthyError) -> None:
        """A batch failed: several are tried again one by one, and one that ran alone once more.

        What it lacked may have been memory that a neighbour had; only what fails again, or is the request's own fault,
        is told.
        """
        first = flight.pendings[0]
        if len(flight.pendings) == 1 and (error.code == "invalid-request" or first.tries >= MOST_TRIES):
            self._refuse(first, error)
        else:
            self._again(flight.pendings, isolated=True)

    def _again(self, pendings: Sequence[QueuedRequest], *, isolated: bool) -> None:
        again = [pending for pending in pendings if not pending.answer.done()]
        for pending in again:
            pending.isolated = pending.isolated or isolated
        self._queue.put_back(again)
        self._pump_soon()

    def _take_end(self, slot: WorkerSupervisor, error: AirworthyError) -> None:
        assert self._first is not None
        self._meters.ended()
        if not self._first.done() and all(each.state is WorkerState.FAILED for each in self.slots):
            self._first.set_exception(error)
            self._first.exception()  # seen, should nobody wait for it
        for number, flight in list(self._flights.items()):
            if flight.slot is slot:
                del self._flights[number]
                self._given_up.discard(number)
                if flight.trials is not None:
                    flight.trials.take(None)
                self._retry_or_refuse(flight, error)
        slot.running, slot.suspected = 0, False
        self._pump_soon()

    def _retry_or_refuse(self, flight: InFlightBatch, error: AirworthyError) -> None:
        again = [pending for pending in flight.pendings if pending.tries < MOST_TRIES]
        for pending in flight.pendings:
            if pending.tries >= MOST_TRIES:
                status = error.params.get("status", error.text)
                self._refuse(pending, errors.WorkerLost(name=self.name, status=status, retry_after=0.5))
        self._again(again, isolated=True)

    # --- time -----------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        now = self._loop.time()
        self._sweeper = None
        for number, flight in self._flights.items():
            gone = [self._is_over(pending, now) for pending in flight.pendings]
            # A run is given up once, and only when all who shared it have gone.
            if gone and all(gone) and number not in self._given_up:
                self._given_up.add(number)
                if flight.slot.link is not None:
                    flight.slot.link.cancel(number)
        self._queue.keep(lambda pending: not self._is_over(pending, now))
        stalled = {f.slot for f in self._flights.values() if now - f.sent > self._settings.stall_timeout}
        for slot in stalled:
            self._meters.stalled()
            if slot.link is not None:
                slot.link.kill()
        if self._queue or self._flights:
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    def _is_over(self, pending: QueuedRequest, now: float) -> bool:
        """Whether a request needs no answer any more; one that is late is told so."""
        if now >= pending.deadline:
            self._refuse(pending, errors.DeadlinePassed(deadline=pending.patience))
        return pending.answer.done()

    def _client_gone(self, pending: QueuedRequest) -> None:
        if not pending.answer.done():
            self._meters.rejected("disconnected")
            pending.answer.set_exception(errors.ClientGone())

    def _refuse(self, pending: QueuedRequest, error: AirworthyError) -> None:
        if not pending.answer.done():
            self._meters.rejected(error.code)
            pending.answer.set_exception(error)

    # --- words ----------------------------------------------------------------------------------------------------

    def _starts_soon(self, slot: WorkerSupervisor) -> bool:
        return slot.state is WorkerState.STARTING or (
            slot.state is WorkerState.WAITING and slot.next_start - self._loop.time() < self._settings.deadline / 4
        )

    def _overloaded(self, full: QueueFull) -> errors.Overloaded:
        self._meters.rejected("overloaded")
        return errors.Overloaded(name=self.name, waiting=full.waiting, retry_after=full.wait)

    def _not_ready(self) -> errors.NotReady:
        self._meters.rejected("not-ready")
        failure = next((slot.failure for slot in self.slots if slot.failure is not None), None)
        state = self.state if failure is None else say("{state} ({reason})", state=self.state, reason=failure.text)
        return errors.NotReady(name=self.name, state=state, retry_after=0.5)

    def describe(self) -> dict[str, Any]:
        """Its state as plain JSON data, for the health page."""
        return {
            "state": self.state,
            "waiting": self.waiting,
            "running": self.running,
            "workers": [
                {"state": slot.state.value, "starts": slot.starts, "pid": getattr(slot.link, "pid", 0)}
                for slot in self.slots
            ],
        }
