"""The host's memory is exhausted.

## What happens

A process ends with no message of its own: the shell says `Killed`, the exit status is 137, the supervisor sees SIGKILL.
Or an allocation is refused: `MemoryError`, `std::bad_alloc`, `Cannot allocate memory`.

## Why

Weights pass through the host's memory on their way to the GPU, and a checkpoint that is loaded by several workers is
there several times; a pickle is read whole, while safetensors and GGUF are mapped. When nothing is left the kernel's
OOM killer ends the largest process, which learns nothing of it. With a limit on the container it does so at that
limit, whatever the machine has left, see `container-oomkilled`.

A killed worker may be all that a wrapper sees (`The actor is dead`, `exitcode: -9`): the kernel's log says why.

## How to end it

Look into the kernel's log for who was killed and how large it was. Load less at once (fewer workers, safetensors in
place of pickles, a smaller type), give the machine or the container more memory, or add swap for the short peak of
loading.

## How to prevent it

Compare the model's size with the memory that is available; `airworthy check MODEL` does. Set memory limits with room
for the peak while loading.

## Example

```
[73211.402318] Out of memory: Killed process 40122 (python3) total-vm:91342112kB, anon-rss:63512004kB, file-rss:0kB
```

## References

- https://www.kernel.org/doc/html/latest/admin-guide/mm/concepts.html#oom-killer
- https://github.com/vllm-project/vllm/issues/586
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import (
    MEMORY_AVAILABLE,
    MEMORY_LIMIT,
    MEMORY_TOTAL,
    MODEL_FORMAT,
    MODEL_PATH,
    MODEL_SIZE,
    NVIDIA_DEVICES,
)
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

# The same words for other resources: shared memory, registered memory, the device's own.
_OF_THE_HOST = r"^(?!.*(?:/dev/shm|</torch_|ibv_|mlock|CUDA|cuda|static TLS|shared memory))"

CAUSE = Cause(
    slug="host-oom",
    severity=Severity.ERROR,
    needs=(MEMORY_AVAILABLE, MODEL_SIZE),
    uses=(MEMORY_TOTAL, MEMORY_LIMIT, MODEL_FORMAT, MODEL_PATH, NVIDIA_DEVICES),
    message="the model is {size:bytes}, and {room:bytes} of memory {what}",
    signatures=(
        Signature(
            "Out of memory: Kill",
            r"Out of memory: Kill(?:ed)? process (?P<process>\d+) \((?P<name>[^)]{1,40})\)",
            message="the kernel ended {name} ({process}) because memory was exhausted",
        ),
        Signature("A process of this unit has been killed by the OOM killer"),
        Signature("Failed with result 'oom-kill'"),
        Signature("killed due to memory pressure (OOM)"),
        Signature("Task was killed due to the node running low on memory"),
        Signature("not enough memory: you tried to allocate"),
        Signature("DefaultCPUAllocator: can't allocate memory"),
        Signature("[enforce fail at alloc_cpu.cpp"),
        Signature("enforce fail at CPUAllocator.cpp"),
        Signature("Unable to allocate", r"Unable to allocate [\d.]{1,8} [KMGTP]iB for an array"),
        Signature("model requires more system memory"),
        Signature("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer"),
        Signature("failed to allocate CPU buffer", weight=0.95),
        Signature("unable to allocate CPU buffer", weight=0.95),
        Signature("The paging file is too small for this operation to complete"),
        Signature("页面文件太小"),
        Signature("os error 1455"),
        Signature("OOM when allocating tensor", r"by allocator (?:mklcpu|cpu)\b"),
        Signature("Allocator (mklcpu) ran out of memory"),
        Signature("DataLoader worker", r"is killed by signal: Killed"),
        Signature("MemoryError", r"(?:^|[\s.:(])MemoryError\b", weight=0.95),
        Signature("std::bad_alloc", weight=0.95),
        Signature("oom-kill:constraint=", r"constraint=CONSTRAINT_(?!MEMCG)", weight=0.95),
        Signature("slurmstepd: error: Detected", r"Detected \d+ oom[-_]kill event", weight=0.8),
        Signature("invoked oom-killer", weight=0.95),
        Signature("Cannot allocate memory", _OF_THE_HOST, weight=0.9),
        Signature("cannot allocate memory", _OF_THE_HOST, weight=0.9),
        Signature("Killed", r"(?:line \d+:\s+\d+ Killed\b|^\s*Killed\s*$|\d+ Killed {2,}|[#$] Killed\s*$)", weight=0.9),
        Signature("killed", r"^(?:zsh: |\[\d+\]\s+\d+ )\s*killed\b", weight=0.9),
        Signature("signal: killed", weight=0.9),
        Signature("code=killed, status=9/KILL", weight=0.85),
        Signature("Signals.SIGKILL", weight=0.85),
        Signature("exitcode: -9", r"exitcode: -9\b", weight=0.8),
        Signature("Signal 9 (SIGKILL) received", weight=0.8),
        Signature("exited with code 137", weight=0.8),
        Signature("exit code 137", weight=0.8),
        Signature("exit status 137", weight=0.8),
        Signature("exit code: 137", weight=0.8),
        Signature("killed by SIGKILL by OOM killer due to high memory usage", weight=0.7),
        Signature("killed by the OOM killer due to high memory usage", weight=0.6),
        Signature("Exit Code:", r"Exit Code:\s+137\b", weight=0.6),
    ),
    blind_spot="memory that is free now may have been taken then",
    related=("container-oomkilled", "gpu-oom", "worker-died", "file-limit"),
)

_MAPPED = frozenset({"safetensors", "gguf", "onnx"})
"""Formats whose weights are mapped, or kept in files that can be, so that a GPU's weights need no copy here."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Will the weights fit: into what is there at all, and into what is free now."""
    size, available = facts.value(MODEL_SIZE), facts.value(MEMORY_AVAILABLE)
    most = min(facts.get_value(MEMORY_TOTAL, 1 << 62), facts.get_value(MEMORY_LIMIT, 1 << 62))
    device = bool(facts.get_value(NVIDIA_DEVICES, ()))
    if size > most and not (device and facts.get_value(MODEL_FORMAT, "") in _MAPPED):
        yield CAUSE.finding(
            facts,
            facts.get_value(MODEL_PATH, "model"),
            evidence=(MODEL_SIZE, MEMORY_TOTAL, MEMORY_LIMIT),
            # A mapped file larger than memory is read again and again, which is slow and works.
            severity=Severity.WARNING if device or facts.get_value(MODEL_FORMAT, "") == "gguf" else Severity.ERROR,
            size=size,
            room=most,
            what=say("is all there is"),
        )
    elif size > available and not device:
        yield CAUSE.finding(
            facts,
            facts.get_value(MODEL_PATH, "model"),
            evidence=(MODEL_SIZE, MEMORY_AVAILABLE),
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,  # of this moment
            size=size,
            room=available,
            what=say("is free now"),
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Who was killed; less at once; more memory."""
    looks = ("sudo dmesg -T | grep -i -E 'killed process|oom'", "free -h")
    yield Remedy(
        why=say("Show who was killed, how large it was, and what is free now."),
        commands=("systeminfo | findstr Memory",) if on_windows(facts) else looks,
        safe=True,
    )
    yield Remedy(
        why=say("Load less at once: fewer workers, a smaller or quantised type, safetensors in place of pickles."),
    )
    if not on_windows(facts):
        yield Remedy(
            why=say("Add swap for the short peak while weights are loaded."),
            commands=(
                "sudo fallocate -l 32G /swapfile",
                "sudo chmod 600 /swapfile",
                "sudo mkswap /swapfile",
                "sudo swapon /swapfile",
            ),
        )
