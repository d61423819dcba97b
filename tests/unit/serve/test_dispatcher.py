"""Every caller gets its own rows or a refusal, whatever cancels, fails or dies meanwhile."""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.engines.interface import LoadFailed, RunnerOptions
from airworthy.serve import errors
from airworthy.serve.metrics.metrics import Metrics, ModelMetrics
from airworthy.serve.scheduling.admission import Demand
from airworthy.serve.scheduling.model_runtime import ModelRuntime
from airworthy.serve.scheduling.request_options import Priority, RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.scheduling.scheduler import Limits
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.tensors import Tensor, TensorMeta, unpack
from airworthy.serve.workers.link import OnEnd, OnReply, WorkerExit
from airworthy.serve.workers.wire import Load, Ready, Run, RunFailure, RunResult
from fakes.clock import run_virtually as _run
from serve_settings import serve_settings

SPEC = (TensorSpec("x", "INT64", (-1, 1)),)
MODEL = ModelInfo(name="m", path="m", format="onnx", entry="m", inputs=SPEC, outputs=SPEC)
POISON = 666
DEADLY = 667
SILENT = 668


class FakeLink:
    """Doubles what it is given; fails on `POISON`, dies on `DEADLY`, never answers to `SILENT`."""

    words = ""
    starts = 0

    def __init__(self, on_reply: OnReply, on_end: OnEnd, *, refuses: bool = False, loses_rows: bool = False) -> None:
        self._on_reply, self._on_end = on_reply, on_end
        self._refuses, self._loses_rows = refuses, loses_rows
        self._alive = True

    async def start(self, load: Load, timeout: float) -> Ready:
        await asyncio.sleep(0.001)
        if self._refuses:
            raise LoadFailed(engine="fake", path="m", detail="no")
        return Ready(SPEC, SPEC, 2, 0.1)

    def send(self, run: Run, data: Sequence[Any]) -> None:
        asyncio.get_running_loop().call_later(random.random() * 0.002, self._reply, run, array("q", bytes(data[0])))

    def _reply(self, run: Run, values: array[int]) -> None:
        if not self._alive or SILENT in values:
            return
        if DEADLY in values:
            self.kill()
        elif POISON in values:
            self._on_reply(RunFailure(run.id, "run-failed", {"detail": "poison"}), memoryview(b""))
        else:
            kept = values[:1] if self._loses_rows else values
            out = array("q", [2 * value for value in kept]).tobytes()
            meta = TensorMeta("x", "INT64", (len(kept), 1), len(out))
            self._on_reply(RunResult(run.id, (meta,), random.choice([0.0001, 0.1])), memoryview(out))

    def cancel(self, number: int) -> None:
        pass

    def kill(self) -> None:
        if self._alive:
            self._alive = False
            self._on_end(WorkerExit(model="m", status="signal SIGKILL", words=""))

    async def stop(self, timeout: float) -> None:
        self.kill()


def _runtime(make_link: Any = FakeLink, limits: Limits | None = None, **changes: Any) -> ModelRuntime:
    given = {"deadline": 5.0, **changes}
    meters = ModelMetrics(Metrics(), "m")
    load = Load("fake", MODEL, RunnerOptions())
    return ModelRuntime(load, serve_settings(**given), make_link, meters, limits or Limits(rows=8))


def _tensor(*values: int) -> Tensor:
    data = array("q", values).tobytes()
    return Tensor(TensorMeta("x", "INT64", (len(values), 1), len(data)), data)


requests = st.lists(
    st.tuples(
        st.lists(st.sampled_from([*range(50), POISON, DEADLY]), min_size=1, max_size=3),
        st.sampled_from([0.0, 0.0, 0.001, 0.003]),  # sent so many seconds after the one before
        st.sampled_from([None, None, None, 0.0, 0.002]),  # cancelled so many seconds after
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(requests, st.integers(1, 3))
def test_nobody_gets_the_rows_of_another(plan: list[tuple[list[int], float, float | None]], workers: int) -> None:
    async def main() -> None:
        runtime = _runtime(workers={"count": workers})
        runtime.start()
        await runtime.pool.loaded()

        async def call(values: list[int], cancel_after: float | None) -> str:
            answer = runtime.submit(InferenceRequest([_tensor(*values)], "g", len(values)))
            if cancel_after is not None:
                asyncio.get_running_loop().call_later(cancel_after, answer.cancel)
            try:
                outputs = await answer
            except asyncio.CancelledError:
                assert cancel_after is not None
                return "cancelled"
            except errors.InferenceFailed:
                assert POISON in values, "only the poisoned input fails"
                return "failed"
            except errors.WorkerLost:
                return "lost"
            assert unpack("INT64", outputs[0].data) == [2 * value for value in values]
            return "answered"

        calls = []
        for values, pause, cancel_after in plan:
            calls.append(asyncio.ensure_future(call(values, cancel_after)))
            await asyncio.sleep(pause)
        endings = await asyncio.gather(*calls)
        for (values, _, _), ending in zip(plan, endings, strict=True):
            if not {POISON, DEADLY} & set(values):
                assert ending in ("answered", "cancelled"), (values, ending)
        await runtime.stop(0.1)
        assert runtime.running == 0

    _run(main)


def test_a_full_queue_is_refused_with_a_time_to_come_back() -> None:
    async def main() -> None:
        runtime = _runtime(batching={"max_queue": 3})
        runtime.start()
        await runtime.pool.loaded()
        answers = [runtime.submit(InferenceRequest([_tensor(SILENT)], "g"))]
        await asyncio.sleep(0.01)
        answers += [runtime.submit(InferenceRequest([_tensor(1)], "g")) for _ in range(3)]
        with pytest.raises(errors.Overloaded) as caught:
            runtime.require()
        assert caught.value.retry_after >= 1
        await runtime.drain(0.01)
        assert [type(answer.exception()) for answer in answers] == [errors.NotReady] * 4
        await runtime.stop(0.1)

    _run(main)


def test_a_deadline_ends_what_waits_and_what_runs() -> None:
    async def main() -> None:
        runtime = _runtime(deadline=0.15)
        runtime.start()
        await runtime.pool.loaded()
        running = runtime.submit(InferenceRequest([_tensor(SILENT)], "g"))
        await asyncio.sleep(0.01)
        waiting = runtime.submit(InferenceRequest([_tensor(1)], "g"))
        for answer in (running, waiting):
            with pytest.raises(errors.DeadlinePassed):
                await answer
        await runtime.stop(0.1)

    _run(main)


def test_a_worker_that_gives_no_answer_is_replaced() -> None:
    async def main() -> None:
        runtime = _runtime(workers={"stall_timeout": 0.1})
        runtime.start()
        await runtime.pool.loaded()
        hung = runtime.submit(InferenceRequest([_tensor(SILENT)], "g"))
        with pytest.raises(errors.WorkerLost):
            await hung
        outputs = await runtime.submit(InferenceRequest([_tensor(4)], "g"))
        assert unpack("INT64", outputs[0].data) == [8]
        await runtime.stop(0.1)

    _run(main)


def test_a_model_that_loses_rows_is_no_longer_batched() -> None:
    async def main() -> None:
        runtime = _runtime(lambda reply, end: FakeLink(reply, end, loses_rows=True))
        runtime.start()
        await runtime.pool.loaded()
        answers = [runtime.submit(InferenceRequest([_tensor(value)], "g")) for value in range(6)]
        assert [unpack("INT64", (await answer)[0].data) for answer in answers] == [[2 * value] for value in range(6)]
        await runtime.stop(0.1)

    _run(main)


def test_a_model_that_no_worker_loads_is_told_and_refused() -> None:
    async def main() -> None:
        runtime = _runtime(lambda reply, end: FakeLink(reply, end, refuses=True))
        runtime.start()
        with pytest.raises(LoadFailed):
            await runtime.pool.loaded()
        assert runtime.state == "failed"
        with pytest.raises(errors.NotReady, match="could not load"):
            runtime.require()
        await runtime.stop(0.1)

    _run(main)


def test_a_client_that_leaves_frees_its_place() -> None:
    async def main() -> None:
        runtime = _runtime()
        runtime.start()
        await runtime.pool.loaded()
        hung = runtime.submit(InferenceRequest([_tensor(SILENT)], "g"))
        await asyncio.sleep(0.01)

        leaves: list[Callable[[], None]] = []
        left = runtime.submit(InferenceRequest([_tensor(1)], "g"), RequestOptions(leaves.append))
        stays = runtime.submit(InferenceRequest([_tensor(2)], "g"))
        leaves[0]()
        with pytest.raises(errors.ClientGone):
            await left
        await asyncio.sleep(0.12)
        assert runtime.waiting == 1
        hung.cancel()
        stays.cancel()
        await runtime.stop(0.1)

    _run(main)


def test_priorities_are_a_head_start_and_no_more() -> None:
    async def main() -> None:
        sent: list[int] = []

        class Noting(FakeLink):
            def send(self, run: Run, data: Sequence[Any]) -> None:
                sent.extend(array("q", bytes(data[0])))
                super().send(run, data)

        runtime = _runtime(Noting, limits=Limits(rows=1), deadline=0.8)
        runtime.start()
        await runtime.pool.loaded()
        block = runtime.submit(InferenceRequest([_tensor(SILENT)], "g"))
        await asyncio.sleep(0.01)

        def ask(number: int, priority: Priority) -> asyncio.Future[Any]:
            return runtime.submit(InferenceRequest([_tensor(number)], "g"), RequestOptions(priority=priority))

        answers = [ask(1, Priority.LOW)]
        await asyncio.sleep(0.25)  # more than a quarter of the deadline
        answers += [ask(2, Priority.LOW), ask(3, Priority.NORMAL), ask(4, Priority.NORMAL), ask(5, Priority.HIGH)]
        assert runtime.waiting == 5
        block.cancel()
        link = runtime.pool.workers[0].link
        assert link is not None
        link.kill()  # the new worker takes what waits, one by one
        await asyncio.gather(*answers)
        assert sent == [SILENT, 5, 1, 3, 4, 2]
        await runtime.stop(0.1)

    _run(main)


@pytest.mark.parametrize(
    ("seconds", "length", "asked", "waiting"),
    [
        pytest.param(0.01, 0, 14, 2, id="one more than there are lanes"),
        pytest.param(0.01, 0, 11, 3, id="what may still grow waits"),
        pytest.param(0.2, 0, 14, 6, id="runs so long that the way to the gateway does not show"),
        pytest.param(0.01, 10, 14, 2, id="texts fill a batch by their tokens"),
        pytest.param(0.01, 10, 11, 3, id="texts that may still grow wait"),
    ],
)
def test_a_full_batch_is_sent_before_a_lane_is_free(seconds: float, length: int, asked: int, waiting: int) -> None:
    async def main() -> None:
        runtime = _runtime()
        runtime.start()
        await runtime.pool.loaded()
        limits = Limits(rows=32, tokens=4 * length) if length else Limits(rows=4)
        runtime.take_profile(Profile(lanes=2, batch=4, points=((4.0, seconds),)), limits)
        inside = [runtime.submit(InferenceRequest([_tensor(SILENT)], "g", length=length)) for _ in range(asked)]
        await asyncio.sleep(0.01)
        assert (runtime.waiting, runtime.running) == (waiting, asked - waiting)
        for answer in inside:
            answer.cancel()
        await runtime.stop(0.1)

    _run(main)


def test_what_has_no_hurry_leaves_room_for_others() -> None:
    async def main() -> None:
        runtime = _runtime(limits=Limits(rows=1), batching={"max_queue": 4})
        runtime.start()
        await runtime.pool.loaded()
        inside = [runtime.submit(InferenceRequest([_tensor(SILENT)], "g"))]
        await asyncio.sleep(0.01)
        low = RequestOptions(priority=Priority.LOW)
        inside += [runtime.submit(InferenceRequest([_tensor(1)], "g"), low) for _ in range(2)]
        with pytest.raises(errors.Overloaded):
            runtime.require(Demand(priority=Priority.LOW))
        runtime.require()
        inside.append(runtime.submit(InferenceRequest([_tensor(1)], "g")))
        for answer in inside:
            answer.cancel()
        await runtime.stop(0.1)

    _run(main)


def test_a_client_may_wait_for_less_than_the_service_lets_it() -> None:
    async def main() -> None:
        runtime = _runtime(deadline=5.0)
        runtime.start()
        await runtime.pool.loaded()
        loop = asyncio.get_running_loop()
        began = loop.time()
        hurried = runtime.submit(InferenceRequest([_tensor(SILENT)], "g"), RequestOptions(timeout=0.1))
        with pytest.raises(errors.DeadlinePassed) as caught:
            await hurried
        assert 0.1 <= loop.time() - began < 1
        assert caught.value.params["deadline"] == 0.1
        before = runtime.submit(InferenceRequest([_tensor(SILENT)], "g"), RequestOptions(arrived=loop.time() - 4.8))
        with pytest.raises(errors.DeadlinePassed):
            await before
        assert loop.time() - began < 2, "its time before the door counts"
        await runtime.stop(0.1)

    _run(main)
