# ruff: noqa: N802 - the functions bear the names that the library gives them
"""The management library's calls, answered by a library made of functions."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from airworthy.probes.accelerators import nvml
from airworthy.probes.seam.host import HostError, NvmlDevice

LOST = 15


class Explain:
    restype: Any = None

    def __call__(self, status: ctypes.c_int) -> bytes:
        return {9: b"Driver Not Loaded", 18: b"Driver/library version mismatch", LOST: b"GPU is lost"}[status.value]


class Library:
    """Two devices; the second may be lost, and the driver may be at fault."""

    def __init__(self, *, init: int = 0, lost: bool = False, own_memory: bool = True) -> None:
        self.init, self.lost, self.own_memory = init, lost, own_memory
        self.shut = 0
        self.nvmlErrorString = Explain()

    def nvmlInit_v2(self) -> int:
        return self.init

    def nvmlShutdown(self) -> int:
        self.shut += 1
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, _size: Any) -> int:
        text.value = b"550.54.14"
        return 0

    def nvmlSystemGetCudaDriverVersion(self, version: Any) -> int:
        version._obj.value = 12040
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, handle: Any) -> int:
        handle._obj.value = index.value + 1
        return LOST if self.lost and index.value == 1 else 0

    def nvmlDeviceGetMemoryInfo(self, _handle: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.free = 80 << 30, 70 << 30
        return 0 if self.own_memory else 3

    def nvmlDeviceGetCudaComputeCapability(self, _handle: Any, major: Any, minor: Any) -> int:
        major._obj.value, minor._obj.value = 8, 6
        return 0

    def nvmlDeviceGetName(self, handle: Any, text: Any, _size: Any) -> int:
        text.value = b"NVIDIA A%d" % handle.value
        return 0

    def nvmlDeviceGetUUID(self, handle: Any, text: Any, _size: Any) -> int:
        text.value = b"GPU-%d" % handle.value
        return 0


def ask(monkeypatch: pytest.MonkeyPatch, library: Library) -> Any:
    monkeypatch.setattr(nvml, "_load", lambda: library)
    return nvml.ask_nvml()


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    answer = ask(monkeypatch, library)
    assert (answer.driver, answer.cuda, answer.problem) == ("550.54.14", 12040, "")
    assert answer.devices == (
        NvmlDevice("NVIDIA A1", "GPU-1", 80 << 30, 70 << 30, "8.6"),
        NvmlDevice("NVIDIA A2", "GPU-2", 80 << 30, 70 << 30, "8.6"),
    )
    assert library.shut == 1


def test_device_without_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, Library(own_memory=False)).devices[0].memory is None


def test_lost_device_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(monkeypatch, Library(lost=True))
    assert [device.name for device in answer.devices] == ["NVIDIA A1"]
    assert answer.problem.startswith("device 1: NVML: GPU is lost")


@pytest.mark.parametrize(("status", "said"), [(9, "Driver Not Loaded"), (18, "Driver/library version mismatch")])
def test_failure_carries_the_librarys_words(monkeypatch: pytest.MonkeyPatch, status: int, said: str) -> None:
    with pytest.raises(HostError, match=said):
        ask(monkeypatch, Library(init=status))


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "_NAMES", ("libno-such-library.so.9",))
    with pytest.raises(HostError, match="is not found by the loader"):
        nvml.ask_nvml()
