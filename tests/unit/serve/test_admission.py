"""A request is admitted or refused once, with all of its inputs, and what it needs is kept for it."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.serve import errors
from airworthy.serve.cache.answers import AnswerCache, Outputs
from airworthy.serve.models.cached_runs import CachedRuns
from airworthy.serve.models.intake import Intake
from airworthy.serve.scheduling.admission import ADMITTED, NOT_READY, Admission, Demand
from airworthy.serve.scheduling.capacity import BASE_QUEUE_REQUESTS, MAX_QUEUE_REQUESTS, QueueCapacity, QueueFull
from airworthy.serve.scheduling.request_options import USUAL, Priority, RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.scheduling.wait_estimate import WaitEstimator
from airworthy.serve.tensors import Tensor, TensorMeta
from serve_settings import serve_settings

MODEL = ModelInfo(name="m", path="m", format="onnx", entry="m", inputs=(TensorSpec("x", "INT64", (-1, 1)),))


class FakeQueue:
    """A queue of so many requests with so much work."""

    def __init__(self, waiting: int = 0, work: int | None = None) -> None:
        self.waiting = waiting
        self.work = waiting if work is None else work

    def __len__(self) -> int:
        return self.waiting


def estimator(seconds_a_unit: float) -> WaitEstimator:
    """One that has learnt what a unit of work takes, in runs of ten."""
    made = WaitEstimator()
    if seconds_a_unit:
        for number in range(50):
            made.learn(float(number), number + 10 * seconds_a_unit, 10, 10 * seconds_a_unit)
    return made


def admission(queue: FakeQueue, seconds_a_unit: float = 0.0, *, accepting: bool = True, **settings: Any) -> Admission:
    capacity = QueueCapacity(serve_settings(**settings), queue, estimator(seconds_a_unit))
    return Admission(capacity, lambda: accepting)


def test_an_idle_model_takes_a_request_of_any_size() -> None:
    assert admission(FakeQueue(), 1.0, batching={"max_queue": 1}).decide(Demand(2048, 10**6)) is ADMITTED


def test_a_model_without_a_worker_takes_none() -> None:
    assert admission(FakeQueue(), accepting=False).decide() is NOT_READY


@pytest.mark.parametrize(
    ("waiting", "inputs", "admitted"),
    [(9, 1, True), (10, 1, False), (1, 9, True), (1, 10, False), (9, 2, False), (1, 2048, False), (0, 2048, True)],
)
def test_each_input_takes_a_place_where_places_are_counted(waiting: int, inputs: int, admitted: bool) -> None:
    decision = admission(FakeQueue(waiting), batching={"max_queue": 10}).decide(Demand(inputs, inputs))
    assert decision == (ADMITTED if admitted else QueueFull(waiting, 1.0))


def test_many_inputs_are_judged_by_what_all_of_them_take() -> None:
    queue = FakeQueue(10)
    asked = admission(queue, 0.01, deadline=10.0)  # 8 s of it may be waited, 10 ms a unit
    assert asked.decide(Demand(100, 100)) is ADMITTED
    assert asked.decide(Demand(700, 700)) is ADMITTED
    full = asked.decide(Demand(2048, 2048))
    assert isinstance(full, QueueFull)
    assert full.waiting == 10
    assert full.wait == pytest.approx(20.6, rel=0.1), "when all of it could be done"
    assert asked.decide(Demand(1, 2048)) is ADMITTED, "one input does not wait for itself"


def test_many_inputs_are_let_in_behind_few_where_nothing_is_known() -> None:
    assert admission(FakeQueue(BASE_QUEUE_REQUESTS - 1)).decide(Demand(2048, 2048)) is ADMITTED
    assert admission(FakeQueue(BASE_QUEUE_REQUESTS - 1)).decide(Demand(MAX_QUEUE_REQUESTS, 1)) is not ADMITTED
    assert admission(FakeQueue(BASE_QUEUE_REQUESTS), 0.01).decide(Demand(1, 1)) is not ADMITTED
    assert admission(FakeQueue(BASE_QUEUE_REQUESTS), 0.001).decide(Demand(1, 1)) is ADMITTED, "a short wait"


def test_a_client_in_a_hurry_is_refused_what_would_come_too_late() -> None:
    asked = admission(FakeQueue(100), 0.01)
    assert asked.decide(Demand(patience=5.0)) is ADMITTED
    assert isinstance(asked.decide(Demand(patience=1.0)), QueueFull)
    assert asked.decide(Demand(patience=10**9)) is ADMITTED, "the service's own deadline bounds it"


@pytest.mark.parametrize(("waiting", "inputs", "admitted"), [(4, 1, True), (5, 1, False), (1, 5, False), (0, 5, True)])
def test_low_priority_leaves_half_of_the_places(waiting: int, inputs: int, admitted: bool) -> None:
    asked = admission(FakeQueue(waiting), batching={"max_queue": 10})
    decision = asked.decide(Demand(inputs, inputs, Priority.LOW))
    assert (decision is ADMITTED) is admitted
    assert asked.decide(Demand(inputs, inputs)) is ADMITTED


@given(st.integers(0, 300), st.integers(1, 3000), st.integers(0, 300), st.sampled_from([0, 1, 100]))
def test_more_inputs_are_never_taken_where_fewer_are_not(waiting: int, inputs: int, arriving: int, most: int) -> None:
    asked = admission(FakeQueue(waiting), 0.01, batching={"max_queue": most})
    check = asked.capacity.check
    few, many = check(max(1, inputs // 2), max(1, inputs // 2), 0.0, arriving), check(inputs, inputs, 0.0, arriving)
    assert many is not None or few is None
    assert few is not None or asked.queue_full(arriving) is None, "what refuses the smallest request refuses any"


def test_reserved_places_count_until_they_are_released() -> None:
    asked = admission(FakeQueue(), batching={"max_queue": 3})
    places = [asked.capacity.reserve(5) for _ in range(3)]
    assert asked.decide() == QueueFull(3, 1.0)
    places[0].release()
    places[0].release()
    assert (asked.capacity.reserved, asked.capacity.reserved_work) == (2, 10)
    assert asked.decide() is ADMITTED


# --- the inputs of one request ----------------------------------------------------------------------------------------


class FakeRuntime:
    """Keeps what comes in, and counts the decisions."""

    def __init__(self, **settings: Any) -> None:
        self.queue = FakeQueue()
        self.admission = admission(self.queue, **settings)
        self.futures: list[asyncio.Future[Outputs]] = []
        self.watched = 0
        self.two_are_in = asyncio.Event()
        self.demands: list[Demand] = []
        self.current = self

    def require(self, demand: Demand, request_id: Callable[[], str]) -> None:
        self.demands.append(demand)
        decision = self.admission.decide(demand)
        if isinstance(decision, QueueFull):
            raise errors.Overloaded(name="m", waiting=decision.waiting, retry_after=decision.wait)

    def submit(self, request: InferenceRequest, options: RequestOptions) -> asyncio.Future[Outputs]:
        self.queue.waiting += 1
        self.queue.work += request.work
        self.watched += options.watch is not None
        self.futures.append(asyncio.get_running_loop().create_future())
        if len(self.futures) == 2:
            self.two_are_in.set()
        return self.futures[-1]


class SlowStore:
    """A store that has the answers to some requests, once it is let say so."""

    def __init__(self, has: int) -> None:
        self.has = has
        self.asked = asyncio.Event()

    async def get(self, key: bytes) -> Outputs | None:
        await self.asked.wait()
        self.has -= 1
        return () if self.has >= 0 else None

    def put(self, key: bytes, answer: Outputs) -> None:
        pass


def texts(*lengths: int) -> list[InferenceRequest]:
    made = []
    for number, length in enumerate(lengths):
        data = array("q", [number] * length).tobytes()
        made.append(InferenceRequest([Tensor(TensorMeta("x", "INT64", (1, length), len(data)), data)], "t", 1, length))
    return made


def intake(runtime: Any, cached: CachedRuns | None = None) -> Intake:
    made = Intake(runtime, runtime.require)
    made.cached = cached
    return made


def cached_runs(store: SlowStore | None = None) -> CachedRuns:
    made = CachedRuns(MODEL, "e", "1", AnswerCache(1 << 20, 60.0, lambda result: None), store)
    if store is not None:
        made._digest = "content"
    return made


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize("is_cached", [False, True])
def test_all_inputs_pass_on_one_decision_or_none_does(is_cached: bool) -> None:
    async def main() -> None:
        runtime = FakeRuntime(batching={"max_queue": 10})
        way = intake(runtime, cached_runs() if is_cached else None)
        options = USUAL._replace(watch=lambda leave: None, priority=Priority.HIGH, timeout=3.0)
        assert len(way.submit(texts(*[4] * 20), options)) == 20
        assert runtime.demands == [Demand(20, 80, Priority.HIGH, 3.0)]
        assert runtime.queue.waiting == 20
        assert runtime.watched == (0 if is_cached else 1), "one client, and one watch"
        with pytest.raises(errors.Overloaded):
            way.submit(texts(*[5] * 7), options)
        assert runtime.queue.waiting == 20, "none of them is in"
        assert runtime.admission.capacity.reserved == 0

    run(main)


def test_answers_that_are_kept_need_no_place() -> None:
    async def main() -> None:
        runtime = FakeRuntime(batching={"max_queue": 2})
        way = intake(runtime, cached_runs())
        (first,) = way.submit(texts(3), USUAL)
        runtime.futures[0].set_result(())
        assert await first == ()
        futures = way.submit(texts(3, 4), USUAL)
        assert runtime.demands == [Demand(1, 3), Demand(1, 4)]
        runtime.queue.waiting = 2
        assert await way.submit(texts(3), USUAL)[0] == ()
        joined = way.submit(texts(3, 4), USUAL)
        assert len(runtime.demands) == 2, "both are there, or on their way"
        for future in (*futures, *joined):
            future.cancel()

    run(main)


def test_inputs_that_a_store_is_asked_for_keep_their_places() -> None:
    async def main() -> None:
        runtime, store = FakeRuntime(batching={"max_queue": 5}), SlowStore(has=2)
        way = intake(runtime, cached_runs(store))
        futures = way.submit(texts(1, 2, 3, 4), USUAL)
        capacity = runtime.admission.capacity
        assert (runtime.queue.waiting, capacity.reserved, capacity.reserved_work) == (0, 4, 10)
        with pytest.raises(errors.Overloaded):
            way.submit(texts(7, 7), USUAL)
        store.asked.set()
        assert [await future for future in futures[:2]] == [(), ()]
        await runtime.two_are_in.wait()
        await asyncio.sleep(0)  # callbacks of what is done
        assert (capacity.reserved, capacity.reserved_work) == (0, 0), "two were answered, and two are in the queue"
        for future in futures:
            future.cancel()

    run(main)


def test_inputs_whose_client_leaves_give_their_places_back() -> None:
    async def main() -> None:
        runtime = FakeRuntime(batching={"max_queue": 5})
        way = intake(runtime, cached_runs(SlowStore(has=0)))
        leaves: list[Callable[[], None]] = []
        futures = way.submit(texts(1, 2), USUAL._replace(watch=leaves.append))
        assert len(leaves) == 1
        leaves[0]()
        futures[1].cancel()
        with pytest.raises(errors.ClientGone):
            await futures[0]
        await asyncio.sleep(0)
        assert runtime.admission.capacity.reserved == 0
        assert runtime.queue.waiting == 0

    run(main)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (USUAL, []),
        (USUAL._replace(priority=Priority.LOW), [Demand(1, 3, Priority.LOW)]),
        (USUAL._replace(timeout=2.0), [Demand(1, 3, patience=2.0)]),
    ],
)
def test_one_input_is_decided_on_at_its_head_unless_it_names_more(options: RequestOptions, asked: list[Demand]) -> None:
    async def main() -> None:
        runtime = FakeRuntime()
        intake(runtime).submit_one(texts(3)[0], options).cancel()
        assert runtime.demands == asked

    run(main)
