"""The NVIDIA management library, called through ctypes. Imported on use; nothing is loaded before."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from airworthy.core.messages import say
from airworthy.probes.seam.host import HostError, Nvml, NvmlDevice

MOST_DEVICES = 256
"""Devices that are asked."""
_NAMES = ("nvml.dll",) if sys.platform == "win32" else ("libnvidia-ml.so.1",)
_TEXT = 96
_NOT_FOUND = 13
"""NVML_ERROR_FUNCTION_NOT_FOUND, for a library older than the function."""


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def ask_nvml() -> Nvml:
    """Initialise the library, ask it, and shut it down.

    Raises:
        HostError: it is not there, or it failed; the text is its own.
    """
    library = _load()
    _call(library, "nvmlInit_v2")
    try:
        driver = _text(library, "nvmlSystemGetDriverVersion")
        devices, problem = _devices(library)
        return Nvml(driver, _cuda(library), devices, problem)
    finally:
        library.nvmlShutdown()


def _load() -> ctypes.CDLL:
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        if hasattr(library, "nvmlInit_v2"):
            return library
    raise HostError(say("{library} is not found by the loader", library=_NAMES[0]))


def _cuda(library: ctypes.CDLL) -> int:
    version = ctypes.c_int(0)
    for name in ("nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"):
        if _status(library, name, ctypes.byref(version)) == 0:
            return version.value
    return 0


def _devices(library: ctypes.CDLL) -> tuple[tuple[NvmlDevice, ...], str]:
    count = ctypes.c_uint(0)
    _call(library, "nvmlDeviceGetCount_v2", ctypes.byref(count))
    devices, problem = [], ""
    for index in range(min(count.value, MOST_DEVICES)):
        try:
            devices.append(_device(library, index))
        except HostError as error:  # noqa: PERF203 - one lost device must not hide the others
            problem = say("device {index}: {reason}", index=index, reason=error)
    return tuple(devices), problem


def _device(library: ctypes.CDLL, index: int) -> NvmlDevice:
    handle = ctypes.c_void_p()
    _call(library, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
    memory = _Memory()
    has_memory = _status(library, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory)) == 0 and memory.total > 0
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    told = _status(library, "nvmlDeviceGetCudaComputeCapability", handle, ctypes.byref(major), ctypes.byref(minor))
    return NvmlDevice(
        name=_text(library, "nvmlDeviceGetName", handle),
        uuid=_text(library, "nvmlDeviceGetUUID", handle),
        memory=memory.total if has_memory else None,
        memory_free=memory.free if has_memory else None,
        capability=f"{major.value}.{minor.value}" if told == 0 else "",
        ecc=_number(library, "nvmlDeviceGetEccMode", handle, two=True),
        uncorrected=_errors(library, handle),
        throttle=_wide(library, "nvmlDeviceGetCurrentClocksThrottleReasons", handle),
        mig=_number(library, "nvmlDeviceGetMigMode", handle, two=True),
        persistence=_number(library, "nvmlDeviceGetPersistenceMode", handle),
        compute_mode=_number(library, "nvmlDeviceGetComputeMode", handle),
    )


def _number(library: ctypes.CDLL, name: str, handle: ctypes.c_void_p, *, two: bool = False) -> int | None:
    """What a question with one number as its answer gives; with `two`, the present one of present and pending."""
    value, pending = ctypes.c_uint(0), ctypes.c_uint(0)
    rest = (ctypes.byref(pending),) if two else ()
    return value.value if _status(library, name, handle, ctypes.byref(value), *rest) == 0 else None


def _wide(library: ctypes.CDLL, name: str, handle: ctypes.c_void_p, *arguments: Any) -> int | None:
    value = ctypes.c_ulonglong(0)
    return value.value if _status(library, name, handle, *arguments, ctypes.byref(value)) == 0 else None


def _errors(library: ctypes.CDLL, handle: ctypes.c_void_p) -> int | None:
    uncorrected, volatile = ctypes.c_uint(1), ctypes.c_uint(0)
    return _wide(library, "nvmlDeviceGetTotalEccErrors", handle, uncorrected, volatile)


def _text(library: ctypes.CDLL, name: str, *arguments: Any) -> str:
    buffer = ctypes.create_string_buffer(_TEXT)
    _call(library, name, *arguments, buffer, ctypes.c_uint(_TEXT))
    return buffer.value.decode("utf-8", "replace")


def _status(library: ctypes.CDLL, name: str, *arguments: Any) -> int:
    function = getattr(library, name, None)
    return _NOT_FOUND if function is None else int(function(*arguments))


def _call(library: ctypes.CDLL, name: str, *arguments: Any) -> None:
    status = _status(library, name, *arguments)
    if status:
        explain = library.nvmlErrorString
        explain.restype = ctypes.c_char_p
        said = (explain(ctypes.c_int(status)) or b"").decode("utf-8", "replace")
        raise HostError(say("NVML: {said} ({function} gave {status})", said=said, function=name, status=status))
