"""What comes back from the store is the answer to the very request, or nothing; what fails is left alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.errors import SettingInvalid
from airworthy.core.model import FileInfo, ModelInfo
from airworthy.serve.cache.answers import AnswerCache, key_of
from airworthy.serve.cache.fingerprint import content_digest, stamp_of
from airworthy.serve.cache.redis_store import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MOST_FAILURES,
    MOST_VALUE,
    Breaker,
    RedisAnswers,
    pack,
    unpack,
)
from airworthy.serve.tensors import Tensor, TensorMeta

KEY = b"k" * 32


def tensor(data: bytes, datatype: str = "UINT8") -> Tensor:
    return Tensor(TensorMeta("y", datatype, (len(data),), len(data)), data)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4))
def test_what_is_kept_comes_back(contents: list[bytes]) -> None:
    answer = tuple(tensor(content) for content in contents)
    assert unpack(KEY, pack(KEY, answer)) == answer
    assert unpack(b"o" * 32, pack(KEY, answer)) is None, "another request's answer is none"


@given(st.one_of(st.binary(max_size=200), st.none(), st.integers(), st.text()))
def test_any_value_is_an_answer_or_none(value: Any) -> None:
    assert unpack(KEY, value) is None


@given(st.binary(min_size=1, max_size=30), st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_value_never_has_another_size(content: bytes, place: int, byte: int) -> None:
    value = bytearray(pack(KEY, (tensor(content),)))
    value[place % len(value)] = byte
    answer = unpack(KEY, bytes(value))
    assert answer is None or all(meta.size == len(data) for meta, data in answer)


def test_sizes_that_lie_are_no_answer() -> None:
    for meta in (TensorMeta("y", "FP32", (3,), 4), TensorMeta("y", "FP32", (-1,), 4), TensorMeta("y", "ODD", (1,), 4)):
        assert unpack(KEY, pack(KEY, (Tensor(meta, b"1234"),))) is None
    assert unpack(KEY, pack(KEY, ())) is None


@given(st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=80))
def test_a_breaker_lets_no_more_through_than_its_pauses_allow(steps: list[tuple[float, bool]]) -> None:
    breaker, now, failed, last = Breaker(), 0.0, 0, -1e9
    for pause, good in steps:
        now += pause
        if not breaker.lets(now):
            assert failed >= MOST_FAILURES
            assert now - last < LONGEST_PAUSE * 2
            continue
        if failed >= MOST_FAILURES:
            assert now - last >= FIRST_PAUSE
        if good:
            breaker.succeeded()
            failed = 0
        else:
            breaker.failed(now)
            failed, last = failed + 1, now


def test_a_pause_lets_one_try_through_at_its_end() -> None:
    breaker = Breaker()
    for _ in range(MOST_FAILURES):
        assert breaker.lets(0.0)
        breaker.failed(0.0)
    assert not breaker.lets(0.9)
    assert [breaker.lets(1.1) for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert breaker.lets(1.2)


def test_another_tenant_has_another_key() -> None:
    keys = {key_of("r", (), [tensor(b"1")], tenant) for tenant in ("", "a", "b")}
    assert len(keys) == 3


def test_what_is_too_large_is_not_kept_and_a_dead_store_costs_little() -> None:
    counts = Counter[str]()

    async def main() -> float:
        store = RedisAnswers("redis://127.0.0.1:1/0", 60, 0.05, lambda result: counts.update([result]))
        store.put(KEY, (tensor(bytes(MOST_VALUE + 1)),))
        began = asyncio.get_running_loop().time()
        for _ in range(200):
            assert await store.get(KEY) is None
        await store.close()
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(main()) < 1
    assert counts["failed"] == MOST_FAILURES
    assert counts["skipped"] == 198


@pytest.mark.parametrize("url", ["redis://host:notaport", "redis://h/0?socket_timeout=x"])
def test_a_url_that_can_not_be_used_is_told_without_its_password(url: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        RedisAnswers(url.replace("//", "//:secret@"), 60, 0.05, print)
    assert "secret" not in caught.value.text


class Slow:
    """A store that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: asyncio.Future[Any] | None = None
        self.kept: list[bytes] = []

    async def get(self, key: bytes) -> Any:
        self.asked = asyncio.get_running_loop().create_future()
        return await self.asked

    def put(self, key: bytes, answer: Any) -> None:
        self.kept.append(key)


def test_all_who_ask_while_the_store_is_asked_share_one_run() -> None:
    async def main() -> None:
        counts, store, started = Counter[str](), Slow(), []
        cache = AnswerCache(10_000, 60, lambda result: counts.update([result]))

        def run() -> asyncio.Future[Any]:
            started.append(asyncio.get_running_loop().create_future())
            return started[-1]

        answers = [cache.ask(KEY, run, None, store) for _ in range(3)]
        await asyncio.sleep(0)
        assert not started
        assert store.asked is not None
        store.asked.set_result(None)
        await asyncio.sleep(0.01)
        assert len(started) == 1
        started[0].set_result((tensor(b"1"),))
        assert [await answer for answer in answers] == [(tensor(b"1"),)] * 3
        assert store.kept == [KEY]
        assert counts == {"miss": 1, "joined": 2}
        leaver = cache.ask(b"x", run, None, store)
        await asyncio.sleep(0)
        store.asked.set_result(None)
        await asyncio.sleep(0.01)
        leaver.cancel()
        await asyncio.sleep(0.01)
        assert started[1].cancelled(), "a run that nobody waits for ends, behind a store as well"

    asyncio.run(main())


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(b"one")
    model = ModelInfo(name="m", path=str(file), format="onnx", entry=str(file), files=(FileInfo("m.onnx", 3),))
    first, stamp = content_digest(model, "onnxruntime"), stamp_of(model)
    assert content_digest(model, "onnxruntime") == first
    assert content_digest(model, "null") != first
    file.write_bytes(b"two")
    assert content_digest(model, "onnxruntime") != first
    assert stamp_of(model) != stamp
    file.unlink()
    assert stamp_of(model) == ()
