"""The search for how a model runs best, against machines whose figures are known."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.metrics.metrics import Metrics, ModelMetrics
from airworthy.serve.scheduling import tuning_runs
from airworthy.serve.scheduling.cost_curve import CostCurve
from airworthy.serve.scheduling.model_runtime import ModelRuntime
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.scheduling.scheduler import Limits
from airworthy.serve.scheduling.tuner import MOST_SECONDS, BatchTuner, Profile, TuningRun
from airworthy.serve.tensors import Buffer, Tensor, TensorMeta
from airworthy.serve.workers.link import OnEnd, OnReply
from airworthy.serve.workers.wire import Load, Ready, Run, RunResult

MODEL = ModelInfo(name="m", path="m", format="onnx", entry="m", inputs=(), outputs=())
Machine = Callable[[TuningRun], float]


def found(search: BatchTuner, machine: Machine) -> tuple[Profile | None, list[TuningRun]]:
    """What a search finds on a machine, and the trials that it made."""
    made = []
    while (trial := search.next) is not None:
        made.append(trial)
        assert len(made) < 1000
        search.record(machine(trial))
    return search.profile, made


def processor(trial: TuningRun) -> float:
    """Two cores that do more side by side: 2 ms and 0.25 ms a token each, dearer beyond 300 tokens."""
    seconds = 0.002 + 0.00025 * trial.work * (1.3 if trial.work > 300 else 1)
    return seconds * 0.6 if trial.exclusive else seconds


def accelerator(trial: TuningRun) -> float:
    """A device whose runs take 3 ms until 500 tokens fill it; side by side they only get in each other's way."""
    seconds = 0.003 + max(0, trial.work - 500) * 0.000005
    return seconds if trial.exclusive else seconds * 6


def test_a_processor_is_used_side_by_side_in_batches_that_gain() -> None:
    profile, made = found(BatchTuner(2, is_text=True, most_rows=32), processor)
    assert profile is not None
    assert profile.lanes == 2
    assert profile.batch in (128, 256)
    cost = CostCurve(profile.points)
    assert cost(64) == pytest.approx(0.018, rel=0.1)
    assert 2 * cost(64) - cost(128) == pytest.approx(0.002, rel=0.2), "what a run less is worth"
    assert max(trial.work for trial in made) <= 512, "what takes too long is not tried"


def test_an_accelerator_gets_one_large_batch_at_a_time() -> None:
    profile, _ = found(BatchTuner(4, is_text=True, most_rows=32), accelerator)
    assert profile is not None
    assert (profile.lanes, profile.batch) == (1, 1024)
    cost = CostCurve(profile.points)
    assert cost(256) < 1.2 * cost(8)


@given(st.integers(1, 8), st.booleans(), st.integers(1, 64), st.lists(st.floats(1e-6, 2), min_size=1, max_size=20))
def test_any_machine_ends_the_search(lanes: int, is_text: bool, most_rows: int, times: list[float]) -> None:
    count = 0

    def machine(trial: TuningRun) -> float:
        nonlocal count
        count += 1
        return times[count % len(times)]

    profile, made = found(BatchTuner(lanes, is_text=is_text, most_rows=most_rows), machine)
    assert all(trial.rows <= most_rows for trial in made)
    if profile is not None:
        assert 1 <= profile.lanes <= lanes
        assert profile.batch >= 1
        cost = CostCurve(profile.points)
        assert all(cost(n) <= cost(n + 1) for n in range(1500))


def test_texts_are_no_longer_than_the_model_takes() -> None:
    _, made = found(BatchTuner(2, is_text=True, most_rows=32, longest=32), processor)
    assert {trial.length for trial in made} == {8, 24, 32}


def test_nothing_larger_is_tried_than_a_request_may_wait_for() -> None:
    _, made = found(BatchTuner(1, is_text=False, most_rows=64), lambda trial: 0.03 * trial.rows)
    largest = max(trial.rows for trial in made)
    assert 0.03 * largest > MOST_SECONDS > 0.03 * largest / 2


# --- while a service runs ---------------------------------------------------------------------------------------------

INPUTS = (TensorSpec("input_ids", "INT64", (-1, -1)), TensorSpec("attention_mask", "INT64", (-1, -1)))


class Timed:
    """A link whose runner takes the processor's time, in words."""

    words = ""
    sent: list[Run]

    def __init__(self, on_reply: OnReply, on_end: OnEnd) -> None:
        self._on_reply = on_reply
        self.sent = []
        Timed.last = self

    async def start(self, load: Load, timeout: float) -> Ready:
        return Ready(INPUTS, (TensorSpec("y", "FP32", (-1, 2)),), 2, 0.01)

    def send(self, run: Run, data: list[Buffer]) -> None:
        self.sent.append(run)
        rows, length = run.inputs[0].shape
        meta = TensorMeta("y", "FP32", (rows, 2), 8 * rows)
        seconds = processor(TuningRun(rows, length, run.exclusive))
        answer = RunResult(run.id, (meta,), seconds)
        asyncio.get_running_loop().call_soon(self._on_reply, answer, memoryview(bytes(8 * rows)))

    def cancel(self, number: int) -> None:
        pass

    def kill(self) -> None:
        pass

    async def stop(self, timeout: float) -> None:
        pass

    last: Timed


def test_trials_are_made_between_requests_and_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_runs, "QUIET_S", 0.0)
    monkeypatch.setattr(tuning_runs, "SETTLE_S", 0.0)

    async def main() -> None:
        meters = ModelMetrics(Metrics(), "m")
        load = Load("fake", MODEL, RunnerOptions(threads=2, lanes=2))
        runtime = ModelRuntime(load, ServeSettings(), Timed, meters, Limits(rows=32))
        runtime.start()
        ready = await runtime.pool.loaded()
        searching = asyncio.create_task(tuning_runs.find(runtime, ready, is_text=True, most_rows=32))
        ids = array("q", [1, 2, 3]).tobytes()
        inputs = [Tensor(TensorMeta(spec.name, "INT64", (1, 3), len(ids)), ids) for spec in INPUTS]
        for _ in range(20):
            (output,) = await runtime.submit(InferenceRequest(inputs, "tokens", 1, 3))
            assert output.meta.shape == (1, 2)
        profile = await asyncio.wait_for(searching, 10)
        assert profile is not None
        assert profile.lanes == 2
        assert runtime.running == 0
        runtime.take_profile(profile, Limits(rows=32, tokens=profile.batch))
        assert runtime.quiet_for() >= 0
        await runtime.stop(0.1)

    asyncio.run(main())


def test_what_cannot_be_made_up_is_not_tried() -> None:
    trial = TuningRun(2, 0, True)
    assert tuning_runs.blank((TensorSpec("x", "FP32", (-1, 3, -1)),), trial) is None
    assert tuning_runs.blank((TensorSpec("x", "BYTES", (-1,)),), trial) is None
    (tensor,) = tuning_runs.blank((TensorSpec("x", "FP32", (-1, 3)),), trial) or ()
    assert (tensor.meta.shape, len(tensor.data)) == ((2, 3), 24)
