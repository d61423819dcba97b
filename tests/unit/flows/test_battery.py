"""`check --probe`: failures come out as their causes, figures as a table."""

from __future__ import annotations

from typing import Any

import pytest

from airworthy.core.facts import Absent, Fact, Facts, Known
from airworthy.core.keys import BATTERY_DEVICES, BATTERY_TRIALS, DISTRIBUTIONS, PYTHON_EXECUTABLE
from airworthy.core.progress import SILENT
from airworthy.core.report import Failed, Passed, Report, Skipped
from airworthy.core.values import DeviceTrial, Distribution, TriedDevice
from airworthy.core.version import Version
from airworthy.flows import battery
from airworthy.flows.check import check
from airworthy.report.interface import RenderOptions
from airworthy.report.registry import FORMATS

KERNEL_IMAGE = """Traceback (most recent call last):
  File "with_torch.py", line 1, in run
torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device
CUDA kernel errors might be asynchronously reported at some other API call.
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""
DEVICE = TriedDevice(framework="torch", device="cuda:0", name="NVIDIA H200", kind="cuda", version="2.13.0+cu130")


def trial(operation: str, outcome: str, *, dtype: str = "float32", **more: Any) -> DeviceTrial:
    return DeviceTrial(framework="torch", device="cuda:0", operation=operation, dtype=dtype, outcome=outcome, **more)


def facts_of(*trials: DeviceTrial, device: TriedDevice = DEVICE) -> dict[str, Fact]:
    return {BATTERY_DEVICES.name: Known((device,), "test"), BATTERY_TRIALS.name: Known(trials, "test")}


def checked(monkeypatch: pytest.MonkeyPatch, *trials: DeviceTrial, device: TriedDevice = DEVICE) -> Report:
    monkeypatch.setattr("airworthy.probes.battery.runner.run", lambda *a, **k: facts_of(*trials, device=device))
    environment = {
        DISTRIBUTIONS.name: Known((Distribution(name="torch", version=Version("2.13.0")),), "test"),
        PYTHON_EXECUTABLE.name: Known("/usr/bin/python3", "test"),
    }
    return check(facts=Facts(environment), probe=5.0)


def outcome(report: Report, slug: str) -> Any:
    return next(result for result in report.results if result.check == slug)


def test_failures_come_out_as_their_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = (trial("matmul", "failed", detail=KERNEL_IMAGE), trial("softmax", "failed", detail=KERNEL_IMAGE))
    report = checked(monkeypatch, *failed, trial("copy", "ok", seconds=1.0, fastest=1.0, bytes=1e9))
    found = outcome(report, "no-kernel-image")
    assert isinstance(found, Failed)
    assert found.findings[0].subject == "matmul in float32 and 1 more on cuda:0"
    assert found.findings[0].params["tests"] == ("matmul in float32", "softmax in float32")
    assert isinstance(outcome(report, "device-test-failed"), Passed)
    assert len([result for result in report.results if result.check == "no-kernel-image"]) == 1
    assert report.data["verdict"] == "fails"


@pytest.mark.parametrize(
    ("kind", "detail", "cause"),
    [
        ("crashed", "Segmentation fault\npython exited with code 139", "illegal-memory-access"),
        ("crashed", "Killed\npython exited with code 137", "host-oom"),
        ("crashed", "Illegal instruction\npython exited with code 132", "cpu-instruction-missing"),
        ("failed", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "gpu-oom"),
        ("failed", "RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling", "cublas-failure"),
        ("hung", "no answer within the time limit; the process was ended", "device-test-failed"),
        ("failed", "RuntimeError: what nobody has seen", "device-test-failed"),
    ],
)
def test_every_way_of_failing_is_an_error(monkeypatch: pytest.MonkeyPatch, kind: str, detail: str, cause: str) -> None:
    report = checked(monkeypatch, trial("matmul", kind, detail=detail))
    found = outcome(report, cause)
    assert isinstance(found, Failed), found
    assert found.findings[0].severity.value == "error"
    assert found.findings[0].remedies
    if cause != "device-test-failed":
        assert not isinstance(outcome(report, "device-test-failed"), Failed)


def test_framework_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = "Traceback\nImportError: libcudnn.so.9: cannot open shared object file: No such file or directory"
    device = TriedDevice(framework="torch", device="cpu", problem=problem)
    report = checked(monkeypatch, device=device)
    found = outcome(report, "cuda-library-missing")
    assert isinstance(found, Failed)
    assert found.findings[0].subject == "loading torch on cpu"
    text = FORMATS.get("text")(report, RenderOptions())
    assert "could not be tried: ImportError: libcudnn.so.9" in text


def test_table(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"dtype": "bfloat16", "shape": "2 x 16 x 4096 x 128", "flops": 2.7e11, "bytes": 1e8}
    report = checked(
        monkeypatch,
        trial("copy", "ok", seconds=6e-4, fastest=5e-4, bytes=2147483648.0),
        trial("matmul", "ok", dtype="bfloat16", seconds=1.5e-3, fastest=1.4e-3, flops=1.0995e12, bytes=4e8, error=0.4),
        trial("attention", "ok", variant="unfused", seconds=2e-3, fastest=2e-3, **plain),
        trial("attention", "ok", variant="flash", seconds=4e-4, fastest=4e-4, error=3.0, **plain),
        trial("matmul", "ok", seconds=2e-2, fastest=2e-2, flops=1.0995e12, bytes=4e8, error=100.0),
        trial("attention", "unsupported", dtype="float64", variant="flash"),
        trial("softmax", "hung", detail="no answer"),
    )
    device = report.data["battery"]["devices"][0]
    assert device["gains"] == {"bfloat16": {"kernel": "flash", "times": 5.0}}
    rows = {(row["operation"], row["dtype"], row.get("variant", "")): row for row in device["tests"]}
    assert rows["matmul", "bfloat16", ""]["gflops"] == pytest.approx(733_000)
    assert rows["matmul", "bfloat16", ""]["share"] == pytest.approx(1.0995e12 / 989.4e12 / 1.4e-3)
    assert rows["matmul", "bfloat16", ""]["share_of_own"] is None
    assert rows["copy", "float32", ""]["gbytes"] == pytest.approx(3579.139)
    assert rows["attention", "bfloat16", "flash"]["verdict"] == "wrong"
    assert rows["matmul", "float32", ""]["verdict"] == "as tf32"
    assert rows["softmax", "float32", ""]["verdict"] == "hung"
    text = FORMATS.get("text")(report, RenderOptions())
    assert "cuda:0  NVIDIA H200, torch 2.13.0+cu130" in text
    assert "733.0 TFLOP/s" in text
    assert "79%" in text
    assert "unsupported: attention float64 flash" in text
    assert "fused attention in bfloat16: 5.0 times as fast as without fusion (flash)" in text
    assert "attention (flash) in bfloat16 on cuda:0 (NVIDIA H200, torch): off from float64 by 3 times" in text
    for name in FORMATS.names():
        assert FORMATS.get(name)(report, RenderOptions())


def test_nothing_is_tried_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("the battery was run")

    monkeypatch.setattr("airworthy.probes.battery.runner.run", never)
    report = check(facts=Facts({}))
    assert "battery" not in report.data
    assert not {"wrong-numbers", "slow-kernels", "device-test-failed"} & {result.check for result in report.results}


def test_without_a_framework_and_without_facts() -> None:
    unknown = battery.run(Facts({}), 5.0, SILENT)
    assert "distributions is unknown" in unknown[BATTERY_TRIALS.name].reason  # type: ignore[union-attr]
    environment = {DISTRIBUTIONS.name: Known((), "test"), PYTHON_EXECUTABLE.name: Known("/usr/bin/python3", "test")}
    absent = battery.run(Facts(environment), 5.0, SILENT)
    assert isinstance(absent[BATTERY_TRIALS.name], Absent)
    report = check(facts=Facts(environment), probe=5.0)
    assert isinstance(outcome(report, "wrong-numbers"), Passed)
    assert "neither torch nor ONNX Runtime" in FORMATS.get("text")(report, RenderOptions())
    report = check(facts=Facts({}), probe=5.0)
    assert isinstance(outcome(report, "wrong-numbers"), Skipped)


def test_names_of_frameworks() -> None:
    def named(*names: str) -> tuple[str, ...]:
        installed = tuple(Distribution(name=name, version=Version("1")) for name in names)
        return battery.frameworks(Facts({DISTRIBUTIONS.name: Known(installed, "test")}))

    assert named("torch", "onnxruntime-gpu") == ("torch", "onnxruntime")
    assert named("onnx", "torchvision") == ()
    assert named("onnxruntime-directml") == ("onnxruntime",)
