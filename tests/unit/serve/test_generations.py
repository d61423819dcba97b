"""Clocks of an answer on its way to a client, and a client that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from airworthy.engines.generation import Finished, GenerationRequest, PromptProgress, TextDelta
from airworthy.serve import errors
from airworthy.serve.protocols import generations as module
from airworthy.serve.protocols.generations import Generations
from airworthy.serve.scheduling.request_options import RequestOptions
from airworthy.serve.scheduling.streams import GenerationStream


def stream_of() -> GenerationStream:
    now = asyncio.get_running_loop().time()
    return GenerationStream(GenerationRequest(prompt="x"), RequestOptions(), 1, now, lambda stream: None)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


@pytest.mark.parametrize("count", [1, 2])
def test_progress_alone_is_silence_to_a_client(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_EVENT_S", 0.2)
    monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.2)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        streams = [stream_of() for _ in range(count)]
        generations = Generations(streams)

        async def report() -> None:
            for step in range(1000):
                streams[0].feed(PromptProgress(step, 1000), loop.time())
                await asyncio.sleep(0.01)

        reporting = asyncio.ensure_future(report())
        began = loop.time()
        await generations.begin()
        assert await generations.next() is None
        assert loop.time() - began < 5, "both clocks ran out while progress came"
        reporting.cancel()
        streams[0].feed(TextDelta("x"), loop.time())
        assert await generations.next() == (0, TextDelta("x"))
        assert generations.prompt_tokens == 1000
        assert generations.usage.first_event_ns > 0
        generations.cancel()

    run(test)


@pytest.mark.parametrize("began", [False, True])
def test_a_client_that_leaves_is_no_answer(began: bool) -> None:
    async def test() -> None:
        stream = stream_of()
        generations = Generations([stream])
        if began:
            stream.feed(TextDelta("x"), 1.0)
            await generations.begin()
        asyncio.get_running_loop().call_later(0.01, stream.cancel)
        with pytest.raises(errors.ClientGone):
            await (generations.finished() if began else generations.begin())

    run(test)


def test_all_events_of_several_are_taken_to_their_ends() -> None:
    async def test() -> None:
        streams = [stream_of() for _ in range(3)]
        generations = Generations(streams)
        for index, stream in enumerate(streams):
            stream.feed(TextDelta(str(index)), 1.0)
            stream.feed(Finished("stop", 5, 1), 1.0)
        await generations.begin()
        found = await generations.finished()
        assert found == [[TextDelta(str(index)), Finished("stop", 5, 1)] for index in range(3)]
        assert generations.usage[:2] == (5, 3)

    run(test)
