"""Draining, and counts side by side, with a worker that answers when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from airworthy.core.model import ModelInfo
from airworthy.core.settings import ServeSettings
from airworthy.engines.generation import Finished, GenerationRequest, GeneratorInfo, TextDelta
from airworthy.engines.interface import RunnerOptions
from airworthy.serve import errors
from airworthy.serve.metrics.generation import GenerationMetrics, GeneratorMetrics
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.scheduling.request_options import RequestOptions
from airworthy.serve.scheduling.stream_dispatcher import StreamDispatcher
from airworthy.serve.workers.link import OnEnd, OnReply
from airworthy.serve.workers.wire import Chunk, Load, Ready, RunFailure, Tokens, encode

LOAD = Load("fake", ModelInfo(name="m", path="m", format="gguf", entry="m"), RunnerOptions())
ASKED = GenerationRequest(prompt="hello")
INFO = GeneratorInfo(slots=1, context=64, tools=False, schemas=False, logprobs=0)


class ObedientLink:
    """A worker that keeps what it gets until it is told to reply."""

    words = ""
    is_available = True
    pid = 1

    def __init__(self, on_reply: OnReply, on_end: OnEnd) -> None:
        self.reply = on_reply
        self.sent: list[Any] = []

    async def start(self, load: Load, timeout: float) -> Ready:
        return Ready((), (), 1, 0.1, INFO)

    def send(self, run: Any, data: Sequence[Any]) -> None:
        self.sent.append(run)

    def cancel(self, number: int) -> None: ...

    def kill(self) -> None: ...

    def describe(self) -> list[dict[str, Any]]:
        return []

    async def stop(self, timeout: float) -> None: ...

    def write(self, index: int, *events: Any) -> None:
        """Answer the request that was sent as number `index` here."""
        self.reply(Chunk(self.sent[index].id, events), memoryview(b""))


def run(test: Callable[[StreamDispatcher, ObedientLink], Awaitable[None]]) -> None:
    async def main() -> None:
        links: list[ObedientLink] = []

        def make(on_reply: OnReply, on_end: OnEnd) -> ObedientLink:
            links.append(ObedientLink(on_reply, on_end))
            return links[-1]

        metrics = GeneratorMetrics(GenerationMetrics(Metrics()), "m")
        dispatcher = StreamDispatcher(LOAD, ServeSettings(), make, metrics)
        dispatcher.start()
        await dispatcher.pool.loaded()
        try:
            await test(dispatcher, links[0])
        finally:
            await dispatcher.stop(1.0)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_drain_waits_for_the_answer_under_way_after_an_earlier_one_ended() -> None:
    async def test(dispatcher: StreamDispatcher, link: ObedientLink) -> None:
        first = dispatcher.submit(ASKED, RequestOptions())
        link.write(0, TextDelta("one"), Finished("stop", 1, 1))
        assert [type(event) async for event in first] == [TextDelta, Finished]
        second = dispatcher.submit(ASKED, RequestOptions())
        draining = asyncio.ensure_future(dispatcher.drain(20))
        await asyncio.sleep(0.05)
        assert not draining.done()
        link.write(1, TextDelta("two"), Finished("stop", 1, 1))
        assert [type(event) async for event in second] == [TextDelta, Finished]
        await asyncio.wait_for(draining, 5)
        with pytest.raises(errors.NotReady):
            dispatcher.submit(ASKED, RequestOptions())

    run(test)


def test_a_drain_ends_once_the_clients_of_what_waits_have_left() -> None:
    async def test(dispatcher: StreamDispatcher, link: ObedientLink) -> None:
        dispatcher.submit(ASKED, RequestOptions())
        waiting = dispatcher.submit(ASKED, RequestOptions())  # one slot is all there is
        draining = asyncio.ensure_future(dispatcher.drain(20))
        link.write(0, Finished("stop", 1, 1))
        assert len(link.sent) == 2
        waiting.cancel()
        link.write(1, Finished("cancelled", 1, 0))
        await asyncio.wait_for(draining, 5)

    run(test)


def test_a_drain_with_nothing_but_a_queue_ends_once_it_is_left() -> None:
    async def test(dispatcher: StreamDispatcher, link: ObedientLink) -> None:
        worker = dispatcher.pool.workers[0]
        worker.running = 1  # full, of something that is not of this dispatcher's
        waiting = dispatcher.submit(ASKED, RequestOptions())
        draining = asyncio.ensure_future(dispatcher.drain(20))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait_for(draining, 5)

    run(test)


def test_counts_side_by_side_get_their_own_replies() -> None:
    async def test(dispatcher: StreamDispatcher, link: ObedientLink) -> None:
        counts = [asyncio.ensure_future(dispatcher.count(ASKED)) for _ in range(3)]
        await asyncio.sleep(0)
        assert len(link.sent) == 3
        for index in (1, 0, 2):
            link.reply(Tokens(link.sent[index].id, index), memoryview(b""))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(asyncio.gather(*counts), 5) == [0, 1, 2]
        assert not dispatcher._counting

    run(test)


def test_what_ends_without_an_answer_is_counted_once_by_its_reason() -> None:
    async def test(dispatcher: StreamDispatcher, link: ObedientLink) -> None:
        streams = [dispatcher.submit(ASKED, RequestOptions()) for _ in range(2)]
        link.reply(RunFailure(link.sent[0].id, "run-failed", {"detail": "x"}), memoryview(b""))
        dispatcher.tick(1e9)
        dispatcher.tick(1e9)
        await dispatcher.drain(0.0)
        with pytest.raises(errors.NotReady):
            dispatcher.submit(ASKED, RequestOptions())
        assert all(stream.is_over for stream in streams)
        assert refusals(dispatcher) == {"run-failed": 1, "deadline-exceeded": 1, "not-ready": 1}

    run(test)


def refusals(dispatcher: StreamDispatcher) -> dict[str, float]:
    """What was counted, by reason."""
    (family,) = dispatcher._metrics.model._metrics.refused.collect()
    return {each.labels["reason"]: each.value for each in family.samples if each.name.endswith("_total")}


def test_a_request_that_cannot_be_sent_is_refused_and_takes_no_slot() -> None:
    async def test(dispatcher: StreamDispatcher, link: ObedientLink) -> None:
        send, refusing = link.send, True

        def refuse(run: Any, data: Sequence[Any]) -> None:
            if refusing:
                encode(run, data)
            send(run, data)

        link.send = refuse  # type: ignore[method-assign]
        wide = GenerationRequest(prompt="x", template_arguments={"x": 1 << 70})
        stream = dispatcher.submit(wide, RequestOptions())
        with pytest.raises(errors.InvalidRequest):
            await stream.next(1)
        with pytest.raises(errors.InvalidRequest):
            await dispatcher.count(wide)
        assert (dispatcher.running, dispatcher.pool.workers[0].running, dispatcher._counting) == (0, 0, {})
        refusing = False
        dispatcher.submit(ASKED, RequestOptions())
        assert dispatcher.running == 1

    run(test)
