"""The cache gives everybody their own answer, runs once for all who ask the same, and keeps its bounds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve.cache.answers import OVERHEAD, AnswerCache, key_of
from airworthy.serve.errors import ClientGone, InferenceFailed
from airworthy.serve.tensors import Tensor, TensorMeta


def tensor(data: bytes, name: str = "x", shape: tuple[int, ...] | None = None) -> Tensor:
    return Tensor(TensorMeta(name, "UINT8", shape or (len(data),), len(data)), data)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 10))


class Runs:
    """Runs that end when the test says so."""

    def __init__(self) -> None:
        self.started: list[asyncio.Future[tuple[Tensor, ...]]] = []

    def start(self) -> asyncio.Future[tuple[Tensor, ...]]:
        self.started.append(asyncio.get_running_loop().create_future())
        return self.started[-1]


requests = st.tuples(
    st.sampled_from(["release-1", "release-2"]),
    st.lists(st.sampled_from(["y", "z"]), max_size=2),
    st.lists(st.tuples(st.sampled_from(["a", "b", "ab"]), st.binary(max_size=4)), max_size=3),
)


@given(requests, requests)
def test_only_the_same_request_has_the_same_key(one: Any, other: Any) -> None:
    def key(request: Any) -> bytes:
        release, wanted, tensors = request
        return key_of(release, wanted, [tensor(data, name) for name, data in tensors])

    assert (key(one) == key(other)) == (one == other)


def test_the_shape_is_part_of_the_key() -> None:
    assert key_of("r", (), [tensor(b"1234", shape=(2, 2))]) != key_of("r", (), [tensor(b"1234", shape=(4, 1))])


def test_one_run_answers_all_who_ask_the_same() -> None:
    async def main() -> None:
        runs, counts = Runs(), Counter[str]()
        cache = AnswerCache(10_000, 60, lambda result: counts.update([result]))
        waiting = [cache.ask(b"k", runs.start, None) for _ in range(3)]
        other = cache.ask(b"other", runs.start, None)
        assert len(runs.started) == 2
        waiting[0].cancel()
        await asyncio.sleep(0)
        runs.started[0].set_result((tensor(b"one"),))
        assert [bytes((await each)[0].data) for each in waiting[1:]] == [b"one", b"one"]
        assert bytes((await cache.ask(b"k", runs.start, None))[0].data) == b"one"
        assert not other.done()
        assert counts == {"miss": 2, "joined": 2, "hit": 1}
        other.cancel()

    run(main)


def test_a_run_that_nobody_waits_for_is_cancelled() -> None:
    async def main() -> None:
        runs = Runs()
        cache = AnswerCache(10_000, 60, lambda _: None)
        waiting = [cache.ask(b"k", runs.start, None) for _ in range(2)]
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not runs.started[0].cancelled()
        waiting[1].cancel()
        await asyncio.sleep(0)
        assert runs.started[0].cancelled()

    run(main)


def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    async def main() -> None:
        runs = Runs()
        cache = AnswerCache(10_000, 60, lambda _: None)
        waiting = [cache.ask(b"k", runs.start, None) for _ in range(2)]
        runs.started[0].set_exception(InferenceFailed(detail="no"))
        for each in waiting:
            with pytest.raises(InferenceFailed):
                await each
        cache.ask(b"k", runs.start, None).cancel()
        assert len(runs.started) == 2
        assert cache.size == 0

    run(main)


def test_a_client_that_leaves_takes_nobody_along() -> None:
    async def main() -> None:
        runs = Runs()
        cache = AnswerCache(10_000, 60, lambda _: None)

        told: list[Callable[[], None]] = []
        leaves, stays = cache.ask(b"k", runs.start, told.append), cache.ask(b"k", runs.start, None)
        told[0]()
        with pytest.raises(ClientGone):
            await leaves
        runs.started[0].set_result((tensor(b"one"),))
        assert bytes((await stays)[0].data) == b"one"

    run(main)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300)), max_size=60))
def test_it_never_holds_more_than_it_may(asked: list[tuple[int, int]]) -> None:
    async def main() -> None:
        limit = 3 * (OVERHEAD + 200)
        cache = AnswerCache(limit, 60, lambda _: None)
        sizes: dict[int, int] = {}
        for number, size in asked:
            runs = Runs()
            answer = cache.ask(bytes([number]), runs.start, None)
            if runs.started:
                runs.started[0].set_result((tensor(bytes(size)),))
                sizes[number] = size
            assert len((await answer)[0].data) == sizes[number]
            assert cache.size <= limit

    run(main)


def test_old_answers_are_asked_for_again() -> None:
    async def main() -> None:
        runs = Runs()
        cache = AnswerCache(10_000, 0.0, lambda _: None)
        for _ in range(2):
            answer = cache.ask(b"k", runs.start, None)
            runs.started[-1].set_result((tensor(b"one"),))
            await answer
        assert len(runs.started) == 2
        assert cache.size == OVERHEAD + 3

    run(main)
