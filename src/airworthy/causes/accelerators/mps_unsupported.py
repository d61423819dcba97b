"""Apple's MPS back end does not do this: an operator, a data type, or more memory than it may take.

## What happens

A model that runs on the CPU or on CUDA stops on a Mac: `not currently implemented for the MPS device`, `the MPS
framework doesn't support float64`, `MPS backend out of memory`, or the whole process ends with a failed assertion in
`MPSNDArray.mm`.

## Why

MPS is younger than CUDA and covers fewer operators; it has no float64 at all, bfloat16 from macOS 14 on, and single
arrays are limited to 4 GiB or 2^31 elements in older releases of macOS. Memory is shared with the rest of the
system: PyTorch takes at most 1.7 times what Metal recommends, which itself is two thirds to three quarters of the
machine's memory.

## How to end it

Update PyTorch and macOS, which close gaps with every release. Let the missing operators run on the CPU with
`PYTORCH_ENABLE_MPS_FALLBACK=1`, set before the program starts; turn float64 into float32. For memory take a
smaller or quantised model, or a smaller batch.

## How to prevent it

Try the model on the machine it is for, with its largest input. `airworthy check MODEL` compares the weights with
what MPS may take.

## Example

```
NotImplementedError: The operator 'aten::linalg_qr' is not currently implemented for the MPS device. If you want this
op to be considered for addition please comment on https://github.com/pytorch/pytorch/issues/141287
```

## References

- https://docs.pytorch.org/docs/stable/mps_environment_variables.html
- https://github.com/pytorch/pytorch/issues/77764
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, MEMORY_TOTAL, MODEL_SIZE, OS_KERNEL
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

HIGH_WATERMARK = 1.7
"""What PyTorch may take, in multiples of the working set that Metal recommends."""
RECOMMENDED = 0.75
"""The most that Metal recommends, as a share of the machine's memory."""

_MEMORY = "MPS has no memory left for what was asked"

CAUSE = Cause(
    slug="mps-unsupported",
    severity=Severity.ERROR,
    needs=(OS_KERNEL, CPU_ARCHITECTURE, MEMORY_TOTAL, MODEL_SIZE),
    uses=(DISTRIBUTIONS,),
    message="the model's {size:bytes} are more than the {limit:bytes} that MPS may take of {total:bytes}",
    signatures=(
        Signature(
            "for the MPS device",
            r"operator '?(?P<operator>[\w:.]{1,120})'? is not (?:currently|current) implemented for the MPS device",
            message="MPS has no operator {operator}",
        ),
        Signature("MPS backend out of memory", message=_MEMORY),
        Signature("to float64 dtype as the MPS framework doesn't support float64", message="MPS has no float64"),
        Signature("MPS framework doesn't support float64", weight=0.95, message="MPS has no float64"),
        Signature("MPS BFloat16 is only supported on MacOS", message="MPS has bfloat16 from macOS 14 on only"),
        Signature("on MPS", r"(?P<what>[\w.-]{1,60}) is not (?:yet )?supported on MPS\b", message="MPS has no {what}"),
        Signature("supported on MPS", r"(?:not|n't|only) (?:yet |currently )?supported on MPS\b", weight=0.95),
        Signature("at the MPS device", r"not supported at the MPS device"),
        Signature("The MPS backend is supported on MacOS 12.3"),
        Signature("MPS device not found", weight=0.9),
        Signature("not linked with support for mps devices"),
        Signature("MPS not available because", message="this machine, its macOS or this build of PyTorch has no MPS"),
        Signature("MPSNDArray", r"failed assertion.{0,120}Error: (?P<limit>[^'`\n]{1,80})", message="MPS: {limit}"),
        Signature("/MPSCore/", r"failed assertion", weight=0.95),
        Signature("MetalPerformanceShaders", r"failed assertion", weight=0.9),
        Signature(
            "Invalid buffer size: ",
            r"Invalid buffer size: (?P<size>[\d.]+ [KMGT]i?B)",
            weight=0.9,
            message="one buffer of {size} is more than Metal gives",
        ),
        Signature(
            "[metal::malloc] ",
            r"Attempting to allocate (?P<size>\d+) bytes",
            message="Metal does not give {size} bytes in one piece",
        ),
        Signature("kIOGPUCommandBufferCallbackErrorOutOfMemory", message=_MEMORY),
        Signature("Command buffer execution failed: Insufficient Memory", message=_MEMORY),
        Signature("ggml_metal_graph_compute: command buffer", r"failed with status 5", weight=0.9),
        Signature("unsupported autocast device_type 'mps'", weight=0.95),
        Signature("unsupported scalarType", r"(?i)\bmps\b.{0,120}unsupported scalarType", weight=0.8),
        Signature("is not currently supported on the MPS backend", weight=0.5),
    ),
    related=("op-not-implemented", "dtype-unsupported", "gpu-oom", "device-mismatch"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Only memory can be foretold: operators and types are those of the model's code."""
    if not facts.value(OS_KERNEL).startswith("Darwin") or facts.value(CPU_ARCHITECTURE) not in {"arm64", "aarch64"}:
        return
    total, size = facts.value(MEMORY_TOTAL), facts.value(MODEL_SIZE)
    limit = int(total * RECOMMENDED * HIGH_WATERMARK)
    if size > limit:
        yield CAUSE.finding(
            facts,
            "mps",
            evidence=(MODEL_SIZE, MEMORY_TOTAL),
            confidence=Confidence.MEDIUM,
            size=size,
            limit=limit,
            total=total,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Less memory for what is too large, the CPU for what is missing."""
    if "limit" in params and "total" in params:
        yield Remedy(why=say("Take a quantised model, or one with fewer parameters."))
        return
    yield Remedy(
        why=say("Let operators that MPS lacks run on the CPU; set it before the program starts."),
        commands=("export PYTORCH_ENABLE_MPS_FALLBACK=1",),
        safe=True,
    )
    yield Remedy(
        why=say("Take the newest PyTorch, which covers more operators and types."),
        commands=(pip_install(facts, "--upgrade", "torch"),),
    )
    yield Remedy(
        why=say("For memory: a smaller batch or a quantised model; for float64: convert to float32 first."), safe=True
    )
