"""The battery through PyTorch, on the CPU."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from airworthy.causes.battery import gains
from airworthy.core.facts import Facts
from airworthy.core.keys import BATTERY_DEVICES, BATTERY_TRIALS
from airworthy.probes.battery import runner

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed here"),
]


def test_cpu() -> None:
    facts = Facts(runner.run(sys.executable, ("torch",), seconds=60.0))
    device = facts.value(BATTERY_DEVICES)[0]
    assert device.problem == ""
    assert (device.device, device.kind) == ("cpu", "cpu")
    assert device.seconds < 60
    trials = [trial for trial in facts.value(BATTERY_TRIALS) if trial.device == "cpu"]
    assert {trial.outcome for trial in trials} <= {"ok", "unsupported"}
    assert all(trial.error <= 1 for trial in trials if trial.outcome == "ok"), trials
    ran = {(t.operation, t.dtype) for t in trials if t.outcome == "ok"}
    for operation in ("matmul", "convolution", "layer-norm", "softmax", "attention"):
        assert {(operation, dtype) for dtype in ("float32", "float64", "bfloat16")} <= ran
    assert ("matmul", "int8") in ran
    assert {"float32", "bfloat16"} <= {gain.fused.dtype for gain in gains(trials)}
