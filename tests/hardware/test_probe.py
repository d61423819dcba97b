"""What must hold of `check --probe` and `facts` on a machine with an accelerator in good order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airworthy.core.facts import Facts, load
from airworthy.core.keys import DEVICES
from airworthy.core.values import Device
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.local import LocalHost
from airworthy.probes.seam.recording import record

pytestmark = [pytest.mark.hardware, pytest.mark.timeout(1800)]

JUDGED = ("matmul", "convolution", "layer-norm", "softmax", "attention")
SHORT = ("float16", "bfloat16")


def results(tried: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{each['framework']} {each['device']}", test) for each in tried for test in each["tests"]]


def test_facts_can_be_saved_and_read(devices: list[Device], out: Path) -> None:
    path = out / "facts.json"
    subprocess.run([sys.executable, "-m", "airworthy", "facts", "--save", path], check=True, timeout=120)
    saved = load(path.read_bytes(), str(path))
    names = [device.name for key in DEVICES for device in saved.get_value(key, ())]
    assert names == [device.name for device in devices]


def test_devices_are_known(devices: list[Device]) -> None:
    for device in devices:
        assert device.name
        assert device.vendor
        assert device.memory is None or device.memory > 1 << 28


def test_recording_gives_the_same_devices(devices: list[Device], out: Path) -> None:
    recorded, _ = record(LocalHost(), list(PROBES))
    (out / "host.json").write_bytes(recorded.to_json())
    again: Facts = gather(FakeHost.from_json((out / "host.json").read_bytes()), list(PROBES))
    assert [d.name for key in DEVICES for d in again.get_value(key, ())] == [device.name for device in devices]


def test_a_framework_sees_every_device(devices: list[Device], tried: list[dict[str, Any]]) -> None:
    assert tried, "no framework of this environment sees the accelerator; `airworthy check` says why"
    by_framework: dict[str, set[str]] = {}
    for each in tried:
        by_framework.setdefault(each["framework"], set()).add(each["device"].rpartition(":")[2])
    assert max(len(indexes) for indexes in by_framework.values()) == len(devices)


def test_no_test_fails(tried: list[dict[str, Any]]) -> None:
    bad = [(where, t) for where, t in results(tried) if t["outcome"] not in ("ok", "unsupported")]
    assert not bad


def test_float32_runs(tried: list[dict[str, Any]]) -> None:
    for each in tried:
        ran = {test["operation"] for test in each["tests"] if test["outcome"] == "ok" and test["dtype"] == "float32"}
        assert set(JUDGED) <= ran, each["device"]


def test_numbers_are_right(tried: list[dict[str, Any]]) -> None:
    wrong = [(where, t) for where, t in results(tried) if t["verdict"] not in ("right", "unsupported")]
    assert not wrong


def test_nothing_cries_wolf(report: dict[str, Any]) -> None:
    slugs = {"wrong-numbers", "device-test-failed", "slow-kernels"}
    assert not [f for f in report["findings"] if f["cause"] in slugs and f["severity"] != "info"]


def test_known_devices_come_near_their_figures(tried: list[dict[str, Any]]) -> None:
    judged = [
        (where, test)
        for where, test in results(tried)
        if test.get("share") is not None
        and (test["operation"] == "copy" or (test["operation"] == "matmul" and test["dtype"] in SHORT))
    ]
    if not judged:
        pytest.skip("the table device_specifications has none of these devices: add them with their source")
    assert all(0.5 <= test["share"] <= 1.1 for _, test in judged), judged


def test_fusion_gains(tried: list[dict[str, Any]]) -> None:
    gains = [(e["device"], dtype, g) for e in tried if e["framework"] == "torch" for dtype, g in e["gains"].items()]
    if not gains:
        pytest.skip("PyTorch is not installed here, or sees no accelerator")
    assert all(gain["times"] > 1 for _, dtype, gain in gains if dtype in SHORT), gains


def test_time(tried: list[dict[str, Any]]) -> None:
    assert all(each["seconds"] <= 60 for each in tried), json.dumps([(e["device"], e["seconds"]) for e in tried])
