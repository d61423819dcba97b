"""A kernel read or wrote memory that is not its own.

## What happens

`CUDA error: an illegal memory access was encountered` (error 700), `misaligned address`, `Memory access fault by GPU
node` on ROCm, or the process ends with a segmentation fault. Every later call in the process fails with the same
words, so the place that reports it is seldom the one that did it.

## Why

A fault in a kernel: an index that is not checked, a size beyond 2³¹, a kernel for another layout than the tensor's,
a race between streams, a buffer that was freed while a kernel used it. It comes with one version of a library, one
shape or one device more often than with broken hardware; an `Xid 31` in the kernel's log is the same thing seen by
the driver.

## How to end it

Find the kernel: run with `CUDA_LAUNCH_BLOCKING=1`, or under `compute-sanitizer`. Turn the suspects off one by one
(CUDA graphs, custom attention, custom all-reduce, quantised kernels), and upgrade the library that holds the one
that did it.

## How to prevent it

Warm up with the largest and the oddest shapes that will be served, before a release gets traffic.

## Example

```
RuntimeError: CUDA error: an illegal memory access was encountered
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
```

## References

- https://docs.nvidia.com/compute-sanitizer/ComputeSanitizer/index.html
- https://docs.vllm.ai/en/latest/usage/troubleshooting/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="illegal-memory-access",
    severity=Severity.ERROR,
    message="a kernel touched memory that is not its own",
    unpredictable="it is a fault of a kernel that shows with some shapes",
    signatures=(
        Signature("an illegal memory access was encountered"),
        Signature("CUDA_ERROR_ILLEGAL_ADDRESS"),
        Signature("cudaErrorIllegalAddress", weight=0.9),
        Signature("hipErrorIllegalAddress", weight=0.95),
        Signature("Memory access fault by GPU"),
        Signature("Page not present or supervisor privilege"),
        Signature("CUDA error: misaligned address"),
        Signature("CUDA_ERROR_MISALIGNED_ADDRESS"),
        Signature("CUDA error: unspecified launch failure", weight=0.9),
        Signature("unspecified launch failure", weight=0.85),
        Signature("CUDA_ERROR_LAUNCH_FAILED", weight=0.85),
        Signature("CUDA error: an illegal instruction was encountered", weight=0.9),
        Signature("CUDA error: invalid program counter", weight=0.9),
        Signature("Invalid __global__ ", r"Invalid __global__ (?:read|write) of size"),
        Signature("Warp Illegal Address", weight=0.95),
        Signature("HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION"),
        Signature("HSA_STATUS_ERROR_MEMORY_FAULT"),
        Signature("UR_RESULT_ERROR_DEVICE_LOST", weight=0.7),
        Signature("Segmentation fault", r"(?:^|[\s:!(*])Segmentation fault(?!s)", weight=0.55),
        Signature(
            "SIGSEGV",
            r"(?:Signal 11 \(SIGSEGV\)|SIGSEGV: segmentation|\(signal: SIGSEGV|signal: SIGSEGV|"
            r"received (?:signal )?SIGSEGV|[Ff]atal.{0,40}SIGSEGV|signal 11, Segmentation|SIGSEGV\(11\))",
            weight=0.5,
        ),
        Signature("exit code -11", weight=0.4),
        Signature("segmentation violation code", weight=0.5),
        Signature("SIGSEGV received at time", weight=0.5),
        Signature("segmentation fault", r"(?:zsh: |\d+ +)segmentation fault", weight=0.55),
        Signature("exit code", r"exit ?code:? (?:-11|139)\b", weight=0.4),
        Signature("exited with code 139", weight=0.45),
    ),
    related=("device-assert", "gpu-hardware-fault", "worker-died", "cublas-failure"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Find the kernel, then do without it."""
    yield Remedy(
        why=say("Run it once with kernels in step with the program, so that the traceback shows the call at fault."),
        commands=("set CUDA_LAUNCH_BLOCKING=1" if on_windows(facts) else "export CUDA_LAUNCH_BLOCKING=1",),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Turn suspects off one by one: CUDA graphs (`--enforce-eager` of vLLM, `--disable-cuda-graph` of SGLang), "
            "custom all-reduce (`--disable-custom-all-reduce`), another attention backend."
        ),
        safe=True,
    )
    yield Remedy(
        why=say("See whether the driver reported the hardware as well; other Xid numbers than 31 and 13 speak for it."),
        commands=("dmesg --ctime | grep -i xid",),
        safe=True,
    )
