"""Generations of one model: admitted by their tokens, queued fairly, given to workers slot by slot, and ended in time.

The engine batches by itself, so it is given no more requests than it has slots: what waits, waits here, where it can be
bounded, ordered and cancelled. An answer that a worker's end interrupts is begun again as long as its reader has seen
nothing of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.engines.generation import Finished, GenerationRequest, GeneratorInfo
from airworthy.serve import errors
from airworthy.serve.metrics.generation import GeneratorMetrics
from airworthy.serve.scheduling.fair_queue import FairQueue
from airworthy.serve.scheduling.request_options import RequestOptions
from airworthy.serve.scheduling.streams import GenerationStream
from airworthy.serve.scheduling.token_rate import TokenRate
from airworthy.serve.workers.pool import WorkerPool
from airworthy.serve.workers.supervisor import MakeLink, WorkerState, WorkerSupervisor
from airworthy.serve.workers.wire import Chunk, Generate, Load, RunFailure, Tokenize, Tokens, WireError

SWEEP_INTERVAL_S = 0.25
"""Seconds between two checks of the clocks."""
CANCEL_GRACE_S = 10.0
"""Seconds in which a worker must give up an unwanted answer; one that does not is stuck, and is replaced."""
MAX_TRIES = 2
"""Workers that one request may see end before it is blamed."""
MIN_RETRY_S = 1.0
"""The least time after which another try makes sense."""


class StreamDispatcher:
    """The workers of one generator, and the requests that wait for them."""

    def __init__(self, load: Load, serve: ServeSettings, make_link: MakeLink, metrics: GeneratorMetrics) -> None:
        self.name = load.model.name
        self._settings = serve.generation
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._queue: FairQueue[GenerationStream] = FairQueue()
        self._running: dict[int, tuple[WorkerSupervisor, GenerationStream]] = {}
        self._cancelled: dict[int, tuple[WorkerSupervisor, float]] = {}
        self._counting: dict[int, tuple[WorkerSupervisor, asyncio.Future[Tokens]]] = {}
        self._number = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        self.rate = TokenRate()
        """How fast tokens are read and written."""
        self.info: GeneratorInfo | None = None
        """What the engine said of the loaded model; None before."""
        self.pool = WorkerPool(
            load, serve.workers.count, serve.workers.load_timeout, make_link, self._take, self._on_ready, self._on_end
        )
        """Its workers."""

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the workers."""
        self.pool.start()
        self._sweeping = self._loop.create_task(self._sweep())

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests."""
        if self._draining:
            return False
        ready = (worker.link for worker in self.pool.workers if worker.is_ready)
        return any(link is not None and link.is_available for link in ready)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Requests in workers."""
        return len(self._running)

    @property
    def state(self) -> str:
        """What it is doing, in one word."""
        return say("draining") if self._draining else self.pool.state

    def describe(self) -> dict[str, Any]:
        """Its state as plain JSON data, for the health page."""
        return {
            "state": self.state,
            "waiting": self.waiting,
            "running": self.running,
            "workers": self.pool.describe(),
            "upstreams": [
                each for worker in self.pool.workers if worker.link is not None for each in worker.link.describe()
            ],
        }

    async def drain(self, timeout: float) -> None:
        """Take nothing more; wait for what is inside, for at most `timeout` seconds, and end the rest."""
        self._draining = True
        self._idle.clear()
        self._note_idle()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout)
        gone = errors.NotReady(name=self.name, state=say("the service is going down"))
        for stream in (*self._queue, *(stream for _, stream in self._running.values())):
            self._refuse(stream, gone)
        for stream in tuple(self._queue):
            self._queue.remove(stream)

    async def stop(self, grace: float) -> None:
        """End the workers."""
        self._draining = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self.pool.stop(grace)

    def _note_idle(self) -> None:
        if not self._running:
            self.rate.is_busy(False, self._loop.time())
            if not self._queue:
                self._idle.set()

    # --- requests ---------------------------------------------------------------------------------------------------

    def submit(self, request: GenerationRequest, options: RequestOptions) -> GenerationStream:
        """Admit a request; its events come to the stream.

        Raises:
            NotReady: no worker takes requests, and none is about to.
            Overloaded: what waits already would take longer than its first token may.
        """
        try:
            self._check_ready()
            self._check_room()
        except errors.RequestError as error:
            self._metrics.model.rejected(error.code, options.request_id())
            raise
        now = self._loop.time()
        stream = GenerationStream(request, options, self._cost(request), now, self._on_cancel)
        if options.watch is not None:
            options.watch(stream.cancel)
        self._queue.append(stream)
        self._dispatch()
        return stream

    def _cost(self, request: GenerationRequest) -> int:
        """Tokens of prompt and answer, before anything is tokenised."""
        prompt = request.estimate_prompt()
        context = self.info.context if self.info is not None else prompt
        return min(context, prompt + (request.max_tokens or context))

    def _check_ready(self) -> None:
        if self._draining:
            raise errors.NotReady(name=self.name, state=say("the service is going down"))
        if all(worker.state in (WorkerState.FAILED, WorkerState.STOPPED) for worker in self.pool.workers):
            raise errors.NotReady(name=self.name, state=self.pool.state)

    def _check_room(self) -> None:
        """Refuse what would wait longer than its first token may; and beyond a number that memory bears."""
        wait = self.rate.seconds(self._queue.tokens, len(self._queue)) if self._queue else 0.0
        too_many = len(self._queue) >= self._settings.max_queue
        too_long = wait > self._settings.first_token_timeout
        if too_many or too_long:
            raise errors.Overloaded(name=self.name, waiting=len(self._queue), retry_after=max(MIN_RETRY_S, wait))

    async def count(self, request: GenerationRequest) -> int:
        """Tokens of a request's prompt, as the model's own tokeniser counts them.

        Raises:
            RequestError: no worker answers, or the request is none that it can count.
        """
        return (await self._ask(Tokenize(0, request=request))).count

    async def tokenize(self, text: str) -> Sequence[int]:
        """The tokens of a text.

        Raises:
            RequestError: no worker answers.
        """
        return (await self._ask(Tokenize(0, text))).ids

    async def _ask(self, question: Tokenize) -> Tokens:
        self._check_ready()
        worker = self.pool.ready
        if worker is None or worker.link is None:
            raise errors.NotReady(name=self.name, state=self.pool.state)
        self._number += 1
        number = self._number
        self._send(worker, Tokenize(number, question.text, question.request))
        future: asyncio.Future[Tokens] = self._loop.create_future()
        self._counting[number] = worker, future
        try:
            return await asyncio.wait_for(future, self._settings.token_timeout)
        except asyncio.TimeoutError:
            raise errors.DeadlinePassed(deadline=self._settings.token_timeout) from None
        finally:
            self._counting.pop(number, None)

    # --- workers ----------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Give waiting requests to free slots."""
        while self._queue:
            worker = self._free_worker()
            if worker is None or worker.link is None:
                return
            stream = self._queue.take()
            if stream is None:
                return
            if stream.is_over:
                continue
            now = self._loop.time()
            self._number += 1
            budget = self._settings.timeout - (now - stream.arrived)
            try:
                self._send(worker, Generate(self._number, stream.request, budget, stream.tenant))
            except errors.InvalidRequest as error:
                self._refuse(stream, error)
                continue
            stream.tries += 1
            stream.began, stream.queued = now, now - stream.arrived
            self._running[self._number] = worker, stream
            worker.running += 1
            self.rate.is_busy(True, now)

    def _send(self, worker: WorkerSupervisor, order: Generate | Tokenize) -> None:
        """Send a worker an order; replies come in a later turn of the event loop.

        Raises:
            InvalidRequest: a client's request holds what can't be sent.
        """
        assert worker.link is not None
        try:
            worker.link.send(order, ())
        except WireError:
            detail = say("a number of the request is too large, or the request is")
            raise errors.InvalidRequest(detail=detail) from None

    def _free_worker(self) -> WorkerSupervisor | None:
        """The ready worker with the fewest requests, if it has a free slot."""
        ready = [worker for worker in self.pool.workers if worker.is_ready and worker.ready is not None]
        free = [w for w in ready if w.ready is not None and w.ready.generator and w.running < w.ready.generator.slots]
        return min(free, key=lambda worker: worker.running, default=None)

    def _take(self, message: Any, data: memoryview) -> None:
        """A reply came from a worker."""
        if isinstance(message, Chunk):
            self._take_chunk(message)
        elif isinstance(message, Tokens):
            _, future = self._counting.get(message.id, (None, None))
            if future is not None and not future.done():
                future.set_result(message)
        elif isinstance(message, RunFailure):
            self._take_failure(message)

    def _take_chunk(self, chunk: Chunk) -> None:
        running = self._running.get(chunk.id)
        ended = any(isinstance(event, Finished) for event in chunk.events)
        now = self._loop.time()
        if running is not None:
            stream = running[1]
            had_output = stream.has_output
            if not chunk.events:
                stream.began = now  # nothing new, from an engine that is alive
            for event in chunk.events:
                stream.feed(event, now)
            if stream.has_output and not had_output:
                self._metrics.first_token(now - stream.arrived)
        for event in chunk.events:
            if isinstance(event, Finished):
                self._learn(event)
                if running is not None:
                    self._metrics.model.answered(running[1].queued, now - running[1].arrived)
        if ended:
            self._free(chunk.id)

    def _take_failure(self, message: RunFailure) -> None:
        error = errors.from_failure(message.code, message.params)
        _, future = self._counting.get(message.id, (None, None))
        if future is not None and not future.done():
            future.set_exception(error)
            return
        running = self._running.get(message.id)
        if running is not None:
            self._refuse(running[1], error)
        self._free(message.id)

    def _refuse(self, stream: GenerationStream, error: AirworthyError) -> None:
        """End a request with an error, which is counted once."""
        if not stream.is_over:
            self._metrics.model.rejected(error.code, stream.request_id())
            stream.fail(error)

    def _learn(self, done: Finished) -> None:
        self._metrics.ended(done)
        self.rate.learn(done.prompt_tokens - done.cached_tokens + done.completion_tokens, self._loop.time())

    def _free(self, number: int) -> None:
        """A worker's slot is free again."""
        running = self._running.pop(number, None)
        cancelled = self._cancelled.pop(number, None)
        worker = running[0] if running is not None else cancelled[0] if cancelled is not None else None
        if worker is not None:
            worker.running -= 1
            self._dispatch()
        self._note_idle()

    def _on_cancel(self, stream: GenerationStream) -> None:
        """No client wants the rest of an answer: take it out of the queue, or have its worker give it up."""
        if self._queue.remove(stream):
            self._note_idle()
            return
        number = next((number for number, (_, each) in self._running.items() if each is stream), None)
        if number is None:
            return
        worker, _ = self._running.pop(number)
        self._cancelled[number] = worker, self._loop.time()
        if worker.link is not None:
            worker.link.cancel(number)

    def _on_ready(self, worker: WorkerSupervisor) -> None:
        worker.running = 0
        if worker.ready is not None:
            self._metrics.model.started(worker.ready.seconds)
        if worker.ready is not None and worker.ready.generator is not None:
            self.info = worker.ready.generator
        self._dispatch()

    def _on_end(self, worker: WorkerSupervisor, error: AirworthyError) -> None:
        """A worker ended: what it had is begun again where its reader has seen nothing, and fails elsewhere."""
        self._metrics.model.ended()
        for number, (owner, stream) in tuple(self._running.items()):
            if owner is worker:
                del self._running[number]
                self._recover(stream, error)
        self._cancelled = {number: each for number, each in self._cancelled.items() if each[0] is not worker}
        lost = errors.WorkerLost(name=self.name, status=str(error.params.get("status", error.text)))
        for owner, future in self._counting.values():
            if owner is worker and not future.done():
                future.set_exception(lost)
        worker.running = 0
        self._dispatch()
        self._note_idle()

    def _recover(self, stream: GenerationStream, error: AirworthyError) -> None:
        if stream.has_output or stream.tries >= MAX_TRIES:
            self._refuse(stream, errors.WorkerLost(name=self.name, status=str(error.params.get("status", error.text))))
        elif not stream.is_over:
            self._queue.put_back(stream)

    # --- clocks -----------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            self.tick(self._loop.time())

    def tick(self, now: float) -> None:
        """End what takes too long: a first token, the next one, or the whole; and a worker that gives nothing up."""
        for stream in (*self._queue, *(stream for _, stream in self._running.values())):
            limit = self._passed(stream, now)
            if limit:
                self._refuse(stream, errors.DeadlinePassed(deadline=limit))
                self._on_cancel(stream)
        for worker in {worker for worker, since in self._cancelled.values() if now - since > CANCEL_GRACE_S}:
            self.pool.replace(worker, "ignores-cancel", CANCEL_GRACE_S)

    def _passed(self, stream: GenerationStream, now: float) -> float:
        """The limit, in seconds, that a stream is over; 0 for none."""
        settings = self._settings
        if now - stream.arrived > settings.timeout:
            return settings.timeout
        if not stream.has_output and now - stream.arrived > settings.first_token_timeout:
            return settings.first_token_timeout
        if stream.has_output and now - stream.began > settings.token_timeout:
            return settings.token_timeout
        return 0.0
