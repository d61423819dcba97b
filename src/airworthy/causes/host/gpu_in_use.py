"""Another process holds the GPU or its memory.

## What happens

A program that fits the GPU does not start on it: `CUDA-capable device(s) is/are busy or unavailable`, or an
out-of-memory error that adds up to far less than the card has. `nvidia-smi` shows the memory as used.

## Why

Another process has it: an earlier run that did not end (a worker whose parent was killed, a notebook), another
service, a desktop. In compute mode *Exclusive Process* one process alone may have the GPU, and the second is
refused whatever memory is left. In a container the other process is not listed, as it lives outside.

## How to end it

Find who holds the device. End leftovers in the way they were started; give two services two GPUs, or each its share of
the memory; set the compute mode back to default where sharing is meant.

## How to prevent it

Let a scheduler hand out GPUs, start services under a supervisor that ends all of their children, and check the free
memory before a start.

## Example

```
RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable
```

## References

- https://docs.nvidia.com/deploy/mps/index.html
- https://github.com/LISTatSNU/FastMRI_challenge/issues/238
- https://github.com/NVIDIA/DIGITS/issues/2005
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import NVIDIA_DEVICES, NVIDIA_HEALTH
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.knowledge import Knowledge

# PyTorch reports the card's size, what it holds itself and what is free. Where little is free and it holds less than
# about half of the card, others have the rest.
_TOTAL = r"\(GPU \d{1,3}; "
_FREE = r"GiB total capacity; .{0,60}?allocated; [\d.]{1,8} (?:MiB|bytes|KiB) free; "
_OTHERS_HOLD = (
    _TOTAL
    + r"(?:"
    + r"[\d.]{3,8} "
    + _FREE
    + r"[\d.]{1,8} (?:MiB|bytes|KiB) reserved"
    + r"|[78]\.\d\d "
    + _FREE
    + r"[0-3]\.\d\d GiB reserved"
    + r"|(?:9|1[0-2])\.\d\d "
    + _FREE
    + r"[0-4]\.\d\d GiB reserved"
    + r"|1[3-9]\.\d\d "
    + _FREE
    + r"[0-5]\.\d\d GiB reserved"
    + r"|[2-9]\d\.\d\d "
    + _FREE
    + r"\d\.\d\d GiB reserved"
    + r")"
)

CAUSE = Cause(
    slug="gpu-in-use",
    severity=Severity.WARNING,
    needs=(NVIDIA_DEVICES,),
    uses=(NVIDIA_HEALTH,),
    message="{device} ({index}) has {free:bytes} of {total:bytes} free: other processes hold the rest",
    signatures=(
        Signature("devices are busy or unavailable"),
        Signature("device(s) is/are busy or unavailable"),
        Signature("cudaErrorDevicesUnavailable"),
        Signature("cudaErrorDeviceUnavailable"),
        Signature("CUDA_ERROR_DEVICE_UNAVAILABLE"),
        Signature("exclusive", r"exclusive[ -]\(?thread\)? device (?:is )?(?:already )?in use"),
        Signature("cudaErrorDeviceAlreadyInUse"),
        Signature("cuda driver library failed to get device context 46"),
        Signature("In use by another client"),
        Signature("is currently being used by one or more other processes"),
        Signature(
            "already in use by process with pid",
            r"already in use by process with pid (?P<process>\d+)",
            message="the device is held by process {process}",
        ),
        Signature("The TPU is already in use", weight=0.95),
        Signature("already allocated; ", _OTHERS_HOLD),
        # A neighbour that holds gigabytes while this process holds megabytes; the container's own process can look
        # like a neighbour, so a line with two large holders is left to running out of memory.
        Signature(
            "memory in use",
            r"Process (?P<process>\d+) has [\d.]{1,8} GiB memory in use\..{0,120}this process has [\d.]{1,8} MiB",
            message="process {process} holds most of the GPU's memory",
        ),
        Signature(
            "on startup is less than desired GPU memory utilization",
            r"\((?P<free>[0-2]\.\d+)/(?P<total>\d{2,3}(?:\.\d+)?) GiB\)",
            weight=0.75,
            message="only {free} of {total} GiB of the GPU's memory are free at the start",
        ),
    ),
    blind_spot="who held the device then may have let it go",
    related=("gpu-oom", "memory-budget-misconfigured", "gpu-oom-fragmentation"),
)

LITTLE = 0.1
"""The free part of the memory below which no further service starts."""
HALF = 0.5
"""The free part below which it is worth knowing."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Memory that is taken before anything of ours runs; a mode that admits no process, or no other client."""
    yield from _refused(facts)
    for device in facts.value(NVIDIA_DEVICES):
        if not device.memory or device.memory_free is None or device.memory_free >= HALF * device.memory:
            continue
        yield _finding(facts, device, device.memory, device.memory_free)


_HELD = 512 << 20
"""Bytes in use that no idle driver takes, so that some process is there."""


def _refused(facts: Facts) -> Iterator[Finding]:
    modes = {each.index: each.compute_mode for each in facts.get_value(NVIDIA_HEALTH, ())}
    for device in facts.value(NVIDIA_DEVICES):
        mode = modes.get(device.index, "")
        used = (device.memory or 0) - (device.memory_free or 0) if device.memory_free is not None else 0
        if mode == "prohibited" or (mode.startswith("exclusive") and used > _HELD):
            yield CAUSE.finding(
                facts,
                say("GPU {index}", index=device.index),
                evidence=(NVIDIA_HEALTH, NVIDIA_DEVICES),
                message="{device} ({index}) lets no program in: its compute mode is {mode}"
                if mode == "prohibited"
                else "{device} ({index}) lets one process in, which is there already: its compute mode is {mode}",
                device=device.name,
                index=device.index,
                mode=mode,
            )


def _finding(facts: Facts, device: Device, total: int, free: int) -> Finding:
    return CAUSE.finding(
        facts,
        say("GPU {index}", index=device.index),
        evidence=(NVIDIA_DEVICES,),
        severity=Severity.WARNING if free < LITTLE * total else Severity.INFO,
        device=device.name,
        index=device.index,
        free=free,
        total=total,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Who it is; the compute mode; another device."""
    show = ("nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv", "nvidia-smi -q -d COMPUTE")
    yield Remedy(
        why=say("Show which processes hold the GPU, and the compute mode; a container shows its own processes only."),
        commands=show if on_windows(facts) else (*show, "sudo fuser -v /dev/nvidia*"),
        safe=True,
    )
    yield Remedy(
        why=say("Give the program another GPU that is free."),
        commands=("set CUDA_VISIBLE_DEVICES=1",) if on_windows(facts) else ("export CUDA_VISIBLE_DEVICES=1",),
        safe=True,
    )
    if "process" in params:
        yield Remedy(
            why=say("If process {process} is a leftover of yours, end it.", process=params["process"]),
            commands=(f"ps -o pid,user,lstart,cmd -p {params['process']}", f"kill {params['process']}"),
        )
    else:
        yield Remedy(
            why=say("Where one process alone may have the GPU, let several share it."),
            commands=("sudo nvidia-smi -c DEFAULT",),
        )
