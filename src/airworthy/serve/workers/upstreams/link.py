"""The link to a model that other servers run: it takes the place of a worker process, in the gateway's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.core.settings.upstreams import UpstreamSettings
from airworthy.engines.generation import AnyEvent, Finished, GeneratorInfo
from airworthy.serve.tensors import Buffer
from airworthy.serve.workers.failures import one_line
from airworthy.serve.workers.link import OnEnd, OnReply, Order
from airworthy.serve.workers.upstreams.answers import AnswerReader
from airworthy.serve.workers.upstreams.breaker import BreakerState
from airworthy.serve.workers.upstreams.failures import UNAVAILABLE, UpstreamError
from airworthy.serve.workers.upstreams.requests import cache_salt, refusal
from airworthy.serve.workers.upstreams.selection import RetryBudget, WeightedChoice
from airworthy.serve.workers.upstreams.time_limits import within
from airworthy.serve.workers.upstreams.upstream import Upstream, UpstreamKeyUnreadable, finished
from airworthy.serve.workers.wire import Chunk, Generate, Load, Ready, RunFailure, Tokenize, Tokens

CHECK_INTERVAL_S = 5.0
"""Seconds between two questions for an upstream's models."""
FIRST_CHECK_DELAY_S, LONGEST_CHECK_DELAY_S = 0.25, 2.0
"""Seconds between two of them before the first upstream is ready."""
BACKOFF_S = 0.2
"""Seconds before a request is sent to the same upstream again; doubled each time, with jitter."""
STATES = (*(state.value for state in BreakerState), "absent")
"""The states of an upstream; `absent` where its list of models lacks the model."""
_NO_DATA = memoryview(b"")

_log = logging.getLogger("airworthy.serve")


class UpstreamNotReady(AirworthyError):
    """No upstream of a model is ready."""

    code = "upstream-not-ready"
    message = "no upstream serves {model}: {problem}"
    hint = "see that the server runs, and that its /v1/models lists the model"
    exit = Exit.FINDINGS


class Counters(Protocol):
    """What the link counts."""

    def tried(self, model: str, upstream: str, result: str) -> None:
        """A try ended."""

    def retried(self, model: str) -> None:
        """A request is sent again."""

    def counted(self, model: str, upstream: str, source: str) -> None:
        """An answer's tokens were reported, counted or estimated."""

    def watch(self, model: str, upstream: str, states: tuple[str, ...], state: Any, left: Any) -> None:
        """Read an upstream's state at each scrape."""


class UpstreamLink:
    """Sends each request to one of a model's upstreams."""

    pid = 0
    """It has no process."""

    def __init__(
        self, settings: Sequence[UpstreamSettings], counters: Counters, on_reply: OnReply, on_end: OnEnd
    ) -> None:
        self._settings = settings
        self._counters = counters
        self._on_reply = on_reply
        self._upstreams: list[Upstream] = []
        self._choice, self._budget = WeightedChoice(), RetryBudget()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._readers: dict[int, AnswerReader] = {}
        self._unwanted: set[int] = set()
        self._freed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._model = ""
        self._salt = secrets.token_bytes(32)

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self, load: Load, timeout: float) -> Ready:
        """Wait until one upstream lists the model.

        Raises:
            UpstreamNotReady: none does in time, or none ever will.
        """
        self._model = load.model.name
        try:
            self._upstreams = [Upstream(each) for each in self._settings]
        except UpstreamKeyUnreadable as error:
            raise UpstreamNotReady(model=self._model, problem=str(error)) from None
        loop = asyncio.get_running_loop()
        began = loop.time()
        delay = FIRST_CHECK_DELAY_S
        while True:
            may_change = await asyncio.gather(*(self._may_come(each) for each in self._upstreams))
            if any(each.is_listed for each in self._upstreams):
                break
            if not any(may_change) or loop.time() + delay - began > timeout:
                raise UpstreamNotReady(model=self._model, problem=self._problems())
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_CHECK_DELAY_S)
        for each in self._upstreams:
            self._watch_state(each)
        self._watching = loop.create_task(self._watch())
        return Ready((), (), 0, loop.time() - began, self._info())

    async def _may_come(self, upstream: Upstream) -> bool:
        """Ask an upstream for its models; whether asking again may end otherwise."""
        try:
            await upstream.check()
        except UpstreamError as error:
            return error.can_retry
        return False

    def _problems(self) -> str:
        return "; ".join(say("{url}: {problem}", url=each.name, problem=each.problem) for each in self._upstreams)

    def _info(self) -> GeneratorInfo:
        """What all upstreams that are there can do."""
        known = [each.info() for each in self._upstreams if each.is_listed]
        return GeneratorInfo(
            slots=sum(each.settings.slots for each in self._upstreams),
            context=min(info.context for info in known),
            tools=True,
            schemas=True,
            logprobs=max((info.logprobs for info in known if info.logprobs is not None), default=None),
        )

    def _watch_state(self, upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        self._counters.watch(
            self._model,
            upstream.name,
            STATES,
            lambda: str(upstream.describe(loop.time())["state"]),
            lambda: max(0.0, upstream.breaker.expires - loop.time()),
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            await asyncio.gather(*(self._check(each) for each in self._upstreams))
            self._freed.set()

    async def _check(self, upstream: Upstream) -> None:
        """Ask again; a busy server that answers slowly stays in, one that refuses connections fails."""
        try:
            if await upstream.check():
                _log.warning(
                    "upstream %s of %s: %s", upstream.name, self._model, upstream.problem or "it lists the model"
                )
        except UpstreamError as error:
            now = asyncio.get_running_loop().time()
            if error.blames and not upstream.running and upstream.breaker.state(now) is BreakerState.CLOSED:
                upstream.breaker.fail(now, error.summary)

    @property
    def is_available(self) -> bool:
        """Whether an upstream would take a request now, or soon."""
        now = asyncio.get_running_loop().time()
        return any(each.is_listed and each.breaker.state(now) is not BreakerState.OPEN for each in self._upstreams)

    def describe(self) -> list[dict[str, Any]]:
        """The state of each upstream as plain JSON data."""
        now = asyncio.get_running_loop().time()
        return [each.describe(now) for each in self._upstreams]

    @property
    def words(self) -> str:
        """It prints nothing; what is wrong with its upstreams."""
        return self._problems() if any(each.problem for each in self._upstreams) else ""

    def kill(self) -> None:
        """End every request; the upstreams themselves run on."""
        for task in self._tasks.values():
            task.cancel()

    async def stop(self, timeout: float) -> None:
        """End what is left, and ask no more."""
        self.kill()
        tasks = [*self._tasks.values(), *([self._watching] if self._watching else [])]
        if self._watching is not None:
            self._watching.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    # --- requests ---------------------------------------------------------------------------------------------------

    def send(self, run: Order, data: Sequence[Buffer]) -> None:
        """Begin a request, or a count; the replies come to the callback."""
        loop = asyncio.get_running_loop()
        if isinstance(run, Generate):
            self._budget.deposit()
            self._readers[run.id] = AnswerReader(run.request)
            work = self._generate(run, loop.time() + run.budget)
        elif isinstance(run, Tokenize):
            work = self._tokenize(run)
        else:
            raise TypeError(type(run).__name__)
        task = loop.create_task(work)
        self._tasks[run.id] = task
        task.add_done_callback(lambda done: self._on_done(run.id, done))

    def cancel(self, number: int) -> None:
        """Close the connection of a request that no client waits for."""
        task = self._tasks.get(number)
        if task is not None:
            self._unwanted.add(number)
            task.cancel()

    def _on_done(self, number: int, task: asyncio.Task[None]) -> None:
        del self._tasks[number]
        reader, is_unwanted = self._readers.pop(number, None), number in self._unwanted
        self._unwanted.discard(number)
        if task.cancelled():
            if not is_unwanted:  # its client is there, and takes what came for a part
                params = {"detail": say("the connection was closed"), "retry_after": 1.0}
                self._on_reply(RunFailure(number, UNAVAILABLE, params), _NO_DATA)
            elif reader is not None:
                # What was read and delivered is what the tenant pays.
                usage = reader.estimate()
                done = Finished("cancelled", usage.prompt if reader.pieces else 0, usage.completion)
                self._on_reply(Chunk(number, (done,)), _NO_DATA)
        elif (error := task.exception()) is not None:
            _log.error("upstream of %s: internal error", self._model, exc_info=error)
            self._on_reply(RunFailure(number, "run-failed", {"detail": one_line(error)}), _NO_DATA)

    async def _generate(self, run: Generate, until: float) -> None:
        loop = asyncio.get_running_loop()
        able = [each for each in self._upstreams if not refusal(each.kind, run.request)]
        if not able:
            detail = refusal(self._upstreams[0].kind, run.request)
            return self._fail(RunFailure(run.id, "invalid-generation", {"detail": detail}))
        tried: list[Upstream] = []
        last: UpstreamError | None = None
        while True:
            if tried and all(each in tried for each in able):
                await asyncio.sleep(BACKOFF_S * 2.0 ** (len(tried) - 1) * random.uniform(0.5, 1.5))  # noqa: S311
            upstream = await self._next(able, tried, until)
            if upstream is None:
                return self._fail(self._unavailable(run.id, able, last))
            try:
                await self._try(run, upstream)
            except UpstreamError as error:
                tried.append(upstream)
                last = error
                is_over = loop.time() >= until or len(tried) > upstream.settings.retries
                if error.can_retry and not self._readers[run.id].pieces and not is_over and self._budget.withdraw():
                    self._counters.retried(self._model)
                    self._readers[run.id] = AnswerReader(run.request)
                    continue
                if error.code == UNAVAILABLE or error.pause is not None:
                    return self._fail(self._unavailable(run.id, able, error))
                return self._fail(error.failure(run.id))
            return None

    async def _next(self, able: Sequence[Upstream], tried: Sequence[Upstream], until: float) -> Upstream | None:
        """The upstream for a try, once one that takes requests has a free slot; None where none takes any."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            admitting = [each for each in able if each.is_listed and each.breaker.admits(now)]
            if not admitting or now >= until:
                return None
            free = [each for each in admitting if each.running < each.settings.slots]
            chosen = self._choice.choose([each for each in free if each not in tried] or free)
            if chosen is not None:
                return chosen
            self._freed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._freed.wait(), until - now)

    async def _try(self, run: Generate, upstream: Upstream) -> None:
        loop, breaker, reader = asyncio.get_running_loop(), upstream.breaker, self._readers[run.id]

        def emit(events: Sequence[AnyEvent]) -> None:
            self._on_reply(Chunk(run.id, tuple(events)), _NO_DATA)

        breaker.begin(loop.time())
        upstream.running += 1
        result = "cancelled"
        try:
            usage = await upstream.generate(run.request, cache_salt(self._salt, run.tenant), emit, reader)
        except UpstreamError as error:
            result = error.code
            if error.pause is not None:
                breaker.pause(loop.time(), error.pause)
            elif error.blames:
                _log.warning("upstream %s of %s failed: %s", upstream.name, self._model, error.summary)
                breaker.fail(loop.time(), error.summary)
            else:
                breaker.succeed()
            raise
        except BaseException:
            breaker.abandon()
            raise
        else:
            result = "answered"
            breaker.succeed()
        finally:
            upstream.running -= 1
            self._freed.set()
            self._counters.tried(self._model, upstream.name, result)
        self._counters.counted(self._model, upstream.name, usage.source)
        emit((finished(reader, usage),))

    def _unavailable(self, number: int, able: Sequence[Upstream], last: UpstreamError | None) -> RunFailure:
        """Why no upstream takes a request, and when one may."""
        if last is not None and last.code != UNAVAILABLE and last.pause is None:
            return last.failure(number)
        now = asyncio.get_running_loop().time()
        waits = [each.breaker.expires - now for each in able if each.is_listed and each.breaker.expires > now]
        # Without addresses, which do not concern clients; `/health` has them.
        reasons = sorted({each.breaker.reason if each.is_listed else say("the model is not there") for each in able})
        detail = last.summary if last is not None else "; ".join(filter(None, reasons))
        params = {"detail": detail, "retry_after": max(1.0, min(waits, default=1.0))}
        return RunFailure(number, UNAVAILABLE, params)

    def _fail(self, failure: RunFailure) -> None:
        self._on_reply(failure, _NO_DATA)

    async def _tokenize(self, run: Tokenize) -> None:
        if run.request is None:
            detail = say("the server behind this model cannot tokenise a text")
            return self._fail(RunFailure(run.id, "invalid-generation", {"detail": detail}))
        now = asyncio.get_running_loop().time()
        able = [each for each in self._upstreams if each.kind.tokenizer and each.is_listed and each.breaker.admits(now)]
        if not able:
            detail = say("the server behind this model counts no tokens")
            return self._fail(RunFailure(run.id, "invalid-generation", {"detail": detail}))
        try:
            count = await able[0].count(run.request)
        except UpstreamError as error:
            return self._fail(error.failure(run.id))
        return self._on_reply(Tokens(run.id, count), _NO_DATA)
