"""Judging the battery's figures: what a device allows, how near a kernel comes to it, and what fusion gains.

The time that a device allows is that of its roofline: the longer of arithmetic over the rate of arithmetic and bytes
over bandwidth (Williams, Waterman and Patterson, Roofline, Commun. ACM 52, 2009), and the time to start a kernel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from airworthy.core.facts import Facts
from airworthy.core.keys import AMD_DEVICES, BATTERY_DEVICES, BATTERY_TRIALS, NVIDIA_DEVICES
from airworthy.core.messages import say
from airworthy.core.values import DeviceTrial, TriedDevice
from airworthy.knowledge import Knowledge

ENOUGH = 0.7
"""The share of what a device allows that a kernel should reach."""
UNFUSED = ("unfused", "math")
"""Ways of attention that compute and store all scores."""
CPU_KINDS = ("cpu", "CPUExecutionProvider")
_MATRIX = ("matmul", "convolution", "attention")
"""Operations that are bound by arithmetic on matrix units."""
_STREAMS = ("copy", "layer-norm", "softmax")
"""Operations that are bound by memory."""
BUSY = 0.5
"""The share of the processors in use by others above which times on the CPU mean nothing."""
_PROVIDERS = {
    "CUDAExecutionProvider": NVIDIA_DEVICES,
    "ROCMExecutionProvider": AMD_DEVICES,
    "MIGraphXExecutionProvider": AMD_DEVICES,
}

_COARSER = {"float64": ("float32", 2.0**29), "float32": ("tf32", 2.0**13)}
"""Type → the next coarser one that a kernel may compute in, and how much larger its unit round-off is."""
_OWN = ("copy", "matmul")
"""The operations that the measured roofline is made of."""


class DeviceCeiling(NamedTuple):
    """What a device allows in a data type."""

    bandwidth: float | None
    """Bytes a second; None where nothing is known."""
    arithmetic: float | None
    """Operations a second in that type; None where nothing is known."""


class Gain(NamedTuple):
    """What fusion gained in a data type."""

    fused: DeviceTrial
    """The fastest fused kernel."""
    unfused: DeviceTrial
    """The one that is not fused."""
    times: float
    """How many times as fast the fused one was."""


def tried(facts: Facts) -> tuple[tuple[TriedDevice, tuple[DeviceTrial, ...]], ...]:
    """Each device of the battery with its tests."""
    trials = facts.get_value(BATTERY_TRIALS, ())
    return tuple(
        (device, tuple(t for t in trials if (t.framework, t.device) == (device.framework, device.device)))
        for device in facts.get_value(BATTERY_DEVICES, ())
    )


def on_cpu(device: TriedDevice) -> bool:
    """Whether it is the processor, which other programs use as well."""
    return device.kind in CPU_KINDS or device.device in CPU_KINDS


def is_busy(device: TriedDevice) -> bool:
    """Whether other programs used the processors so much that times on them mean nothing."""
    return on_cpu(device) and device.load > BUSY


def label(device: TriedDevice | DeviceTrial, name: str = "") -> str:
    """A device as findings call it: `cuda:0 (NVIDIA H200, torch)`."""
    name = name or getattr(device, "name", "")
    about = ", ".join(part for part in (name, device.framework) if part)
    return say("{device} ({about})", device=device.device, about=about)


def named(trial: DeviceTrial) -> str:
    """A test as findings call it: `attention (flash) in bfloat16`."""
    if not trial.variant:
        return say("{operation} in {dtype}", operation=trial.operation, dtype=trial.dtype)
    template = "{operation} ({variant}) in {dtype}"
    return say(template, operation=trial.operation, variant=trial.variant, dtype=trial.dtype)


def marketing_name(device: TriedDevice, facts: Facts) -> str:
    """The device's name; that of an execution provider's device where all that it could be have the same."""
    key = _PROVIDERS.get(device.kind)
    names = {each.name for each in facts.get_value(key, ())} if key is not None else set()
    return device.name or (next(iter(names)) if len(names) == 1 else "")


def published(known: Knowledge, name: str, dtype: str) -> DeviceCeiling:
    """What the maker says of a device."""
    row = known.specification(name) if name else None
    return DeviceCeiling(None, None) if row is None else DeviceCeiling(row.bytes_a_second, row.arithmetic(dtype))


def measured(trials: Iterable[DeviceTrial], dtype: str) -> DeviceCeiling:
    """What the device's own copies and matrix products reached, those of attention among them.

    Not convolutions: some ways of convolving need fewer operations than are counted.
    """
    ran = [trial for trial in trials if trial.outcome == "ok" and trial.fastest > 0]
    copies = [trial.bytes / trial.fastest for trial in ran if trial.operation == "copy"]
    products = [t.flops / t.fastest for t in ran if t.operation in ("matmul", "attention") and t.dtype == dtype]
    return DeviceCeiling(max(copies, default=None), max(products, default=None))


def share_of_own(trial: DeviceTrial, trials: Iterable[DeviceTrial], overhead: float) -> float | None:
    """How much of what the device's own copies and products allow a test reached; they themselves prove nothing."""
    return None if trial.operation in _OWN else share(trial, measured(trials, trial.dtype), overhead)


def share(trial: DeviceTrial, ceiling: DeviceCeiling, overhead: float) -> float | None:
    """How much of what the ceiling allows a test reached; None where what bounds it is not known."""
    needs_arithmetic = trial.operation in _MATRIX
    if trial.operation not in (*_MATRIX, *_STREAMS):
        return None
    if trial.fastest <= 0 or ceiling.bandwidth is None or (needs_arithmetic and ceiling.arithmetic is None):
        return None
    allowed = trial.bytes / ceiling.bandwidth
    if needs_arithmetic and ceiling.arithmetic:
        allowed = max(allowed, trial.flops / ceiling.arithmetic)
    return (allowed + overhead) / trial.fastest


def coarser(trial: DeviceTrial) -> str:
    """The coarser type that a result is as exact as; empty where it is exact enough, or not even that."""
    name, times = _COARSER.get(trial.dtype, ("", 0.0))
    return name if 1 < trial.error <= times else ""


def gains(trials: Iterable[DeviceTrial]) -> tuple[Gain, ...]:
    """What fusion gained, by data type, where both ways ran at the same size."""
    ran = [trial for trial in trials if trial.operation == "attention" and trial.outcome == "ok" and trial.fastest > 0]
    found = []
    for plain in (trial for trial in ran if trial.variant == "unfused"):
        fused = [t for t in ran if t.variant not in UNFUSED and (t.dtype, t.shape) == (plain.dtype, plain.shape)]
        best = min(fused, key=lambda trial: trial.fastest, default=None)
        if best is not None:
            found.append(Gain(best, plain, plain.fastest / best.fastest))
    return tuple(found)


def worth_judging(trials: Iterable[DeviceTrial]) -> tuple[DeviceTrial, ...]:
    """The tests that are to come near the roofline: of attention the best fused kernel of each type."""
    ran = [trial for trial in trials if trial.outcome == "ok" and trial.fastest > 0 and trial.dtype != "float64"]
    plain = [t for t in ran if t.operation in (*_STREAMS, "matmul", "convolution")]
    return (*plain, *(gain.fused for gain in gains(ran)))
