"""The battery: what it says of sound and of faulty runtimes, and that nothing that they do stops it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.facts import Absent, Facts, Known, dump, load
from airworthy.core.keys import BATTERY_DEVICES, BATTERY_TRIALS
from airworthy.core.values import DeviceTrial, TriedDevice
from airworthy.probes.battery import runner
from airworthy.probes.battery.process import Child

FAULTY = Path(__file__).parents[2] / "fakes" / "faulty_runtime"


def tried(
    faults: dict[str, str], *, seconds: float = 60.0, frameworks: tuple[str, ...] = ("onnxruntime",)
) -> tuple[dict[str, TriedDevice], list[DeviceTrial]]:
    """The battery of a runtime with faults."""
    environment = {**os.environ, "PYTHONPATH": str(FAULTY), "FAULTY_RUNTIME": json.dumps(faults)}
    facts = Facts(runner.run(sys.executable, frameworks, seconds=seconds, paced=1.0, environment=environment))
    # What was found can be saved and read again.
    assert load(dump(facts)) == facts
    return {device.device: device for device in facts.value(BATTERY_DEVICES)}, list(facts.value(BATTERY_TRIALS))


def outcomes(trials: list[DeviceTrial], operation: str, dtype: str = "float32") -> list[str]:
    return [trial.outcome for trial in trials if (trial.operation, trial.dtype) == (operation, dtype)]


def test_sound_runtime() -> None:
    devices, trials = tried({})
    assert list(devices) == ["CPUExecutionProvider"]
    assert devices["CPUExecutionProvider"].problem == ""
    assert devices["CPUExecutionProvider"].overhead > 0
    assert {trial.outcome for trial in trials} <= {"ok", "unsupported"}
    assert {(t.operation, t.variant) for t in trials if t.dtype == "float32" and t.outcome == "ok"} == {
        ("copy", ""),
        ("matmul", ""),
        ("convolution", ""),
        ("layer-norm", ""),
        ("softmax", ""),
        ("attention", "unfused"),
        ("attention", "multi-head"),
        ("attention", "onnx-23"),
    }
    for trial in trials:
        if trial.outcome == "ok" and trial.dtype != "float64":
            assert trial.error <= 1, trial
            assert 0 < trial.fastest <= trial.seconds
            assert trial.bytes > 0
            assert trial.shape
    # Rounding shows: a comparison that finds no difference at all compares nothing.
    assert all(t.error > 0 for t in trials if t.outcome == "ok" and t.operation in ("softmax", "attention"))


def test_crash_hang_and_wrong_numbers_lose_one_test_each() -> None:
    faults = {"Softmax": "crash", "Conv": "hang", "LayerNormalization": "wrong", "MatMulInteger": "raise:bad state"}
    devices, trials = tried(faults, seconds=16.0)
    assert devices["CPUExecutionProvider"].problem == ""
    assert outcomes(trials, "convolution") == ["hung"]
    assert outcomes(trials, "softmax") == ["crashed"]
    crashed = next(trial for trial in trials if trial.outcome == "crashed")
    assert "Segmentation fault" in crashed.detail
    assert "python exited with code 139" in crashed.detail
    wrong = next(trial for trial in trials if trial.operation == "layer-norm" and trial.dtype == "float32")
    assert wrong.outcome == "ok"
    assert wrong.error > 1000
    assert wrong.largest == pytest.approx(1, rel=0.01)
    assert outcomes(trials, "matmul", "float16") == ["ok"]  # what came before and after is there
    assert outcomes(trials, "softmax", "float64") == ["ok"]
    assert len({(t.operation, t.dtype, t.variant) for t in trials}) == len(trials) == 23


def test_slow_fused_kernel_and_lines_that_are_no_answers() -> None:
    from airworthy.causes.battery import gains

    faults = {"import": "noise", "Conv": "noise", "MultiHeadAttention": "slow", "Attention": "slow"}
    devices, trials = tried(faults)
    assert devices["CPUExecutionProvider"].problem == ""
    assert outcomes(trials, "convolution") == ["ok"]
    gain = next(gain for gain in gains(trials) if gain.fused.dtype == "float32")
    assert gain.times < 1
    assert gain.fused.fastest > 0.04


@pytest.mark.slow
def test_device_that_is_stuck_after_an_error_gets_a_fresh_process() -> None:
    text = "CUDA error: an illegal memory access was encountered"
    devices, trials = tried({"provider": "FakeExecutionProvider", "LayerNormalization": f"stick:{text}"}, seconds=60.0)
    assert list(devices) == ["CPUExecutionProvider", "FakeExecutionProvider:0"]
    theirs = [trial for trial in trials if trial.device == "FakeExecutionProvider:0"]
    assert outcomes(theirs, "layer-norm") == ["failed"]
    assert text in next(trial for trial in theirs if trial.outcome == "failed").detail
    assert outcomes(theirs, "layer-norm", "float16") == ["ok"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("crash", "Segmentation fault"),
        ("exit", "python exited with code 7"),
        ("raise:libcudart.so.12: cannot open shared object file", "libcudart.so.12: cannot open shared object file"),
        ("hang", "no answer within the time limit"),
    ],
)
def test_runtime_that_cannot_be_loaded(fault: str, said: str) -> None:
    began = time.monotonic()
    devices, trials = tried({"import": fault}, seconds=2.0)
    assert trials == []
    assert said in devices["cpu"].problem
    assert time.monotonic() - began < 15


def test_no_framework_and_no_interpreter() -> None:
    facts = Facts(runner.run(sys.executable, ()))
    assert isinstance(facts.fact(BATTERY_TRIALS), Absent)
    facts = Facts(runner.run("/no/such/python", ("torch",)))
    assert "/no/such/python cannot be run" in facts.value(BATTERY_DEVICES)[0].problem
    assert isinstance(facts.fact(BATTERY_TRIALS), Known)


def test_framework_that_is_not_there() -> None:
    # The interpreter alone, without its environment's packages.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    base = Path(sys.base_prefix) / "bin" / "python3"
    if not base.is_file() or sys.prefix == sys.base_prefix:
        pytest.skip("the tests run in no virtual environment, so that there is no interpreter without packages")
    facts = Facts(runner.run(str(base), ("onnxruntime",), environment=environment))
    assert "No module named 'onnxruntime'" in facts.value(BATTERY_DEVICES)[0].problem
    assert facts.value(BATTERY_TRIALS) == ()


def test_child_ends_with_whoever_asked() -> None:
    folder = Path(runner.__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(FAULTY), "FAULTY_RUNTIME": json.dumps({"import": "hang"})}
    process = subprocess.Popen(
        [sys.executable, "-c", runner._START, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    with process:
        assert process.stdin is not None
        process.stdin.write(b'{"framework": "onnxruntime", "device": "cpu", "seconds": 1}\n')
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
        process.stdin.close()
        assert process.wait(20) == 3


def child(code: str) -> Child:
    return Child((sys.executable, "-c", code), {"a": 1}, dict(os.environ))


def test_child_is_ended_when_it_says_nothing_for_too_long() -> None:
    running = child("import time; print('{}', flush=True); time.sleep(60)")
    running.patience = 0.5
    began = time.monotonic()
    assert list(running.messages(began + 30)) == [{}]
    assert running.silent
    assert time.monotonic() - began < 10


def test_child_is_ended_when_its_time_is_over() -> None:
    running = child("while True: print('{}')")
    list(running.messages(time.monotonic() + 0.5))
    assert running.late
    running = child("while True: print('{}', end='')")
    assert list(running.messages(time.monotonic() + 0.5)) == []
    assert running.garbage or running.late


def test_child_keeps_the_end_of_what_it_says() -> None:
    running = child("import sys; sys.stderr.write('x' * 300000 + 'the end'); print(sys.stdin.readline()); sys.exit(5)")
    assert list(running.messages(time.monotonic() + 30)) == [{"a": 1}]
    assert running.status == 5
    assert running.errors.endswith("the end")
    assert len(running.errors) <= 16 * 1024
    assert "python exited with code 5" in runner.how_it_ended(running)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ("devices", "device", "plan", "begin", "end", "outcome", "seconds", "fastest", "error", "shape", "detail", "failed")
)
MESSAGES = st.dictionaries(NAMES, VALUES | st.sampled_from(["a/b/c", "ok", "failed", "x"]), max_size=6)


@given(st.lists(MESSAGES, max_size=12))
def test_any_answer_is_taken(messages: list[dict[str, Any]]) -> None:
    run = runner._Run("torch", "cpu")
    for message in messages:
        run.take(message)
    run.leave_out()
    trials, device = tuple(run.trials), run.told(1.0)
    facts = Facts({BATTERY_TRIALS.name: Known(trials, "x"), BATTERY_DEVICES.name: Known((device,), "x")})
    assert load(dump(facts)) == facts
