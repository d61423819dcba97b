"""The accelerator's memory is exhausted.

## What happens

An allocation on the device fails: `CUDA out of memory. Tried to allocate …`, `cudaMalloc failed: out of memory`,
`RESOURCE_EXHAUSTED`. While the model loads, it is the weights that do not fit; at the first requests, the working
memory; after hours, the requests of a busy moment or a leak.

## Why

Weights, key-value cache, activations and the device's own context share one memory. Weights alone take parameters
times bytes of the data type: 7 billion in 16 bit are 13 GiB. Cache and activations grow with batch and length on
top of that.

Three others print the same words: memory that lies reserved in pieces (`gpu-oom-fragmentation`), another process
that holds it (`gpu-in-use`), and a server that was given too large or too small a share
(`memory-budget-misconfigured`). The numbers in the message distinguish them.

## How to end it

Make what runs smaller, in this order: batch or concurrent requests, context length, data type (16 bit, then a
quantised model), layers on the device. Or spread the model over several devices, or take a larger one.

## How to prevent it

`airworthy fit MODEL` works out weights and cache before a roll-out. Cap batch and length in the server's settings
at what was tested, and leave a tenth of the device free.

## Example

```
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB. GPU 0 has a total capacity of 23.64 GiB of which 61.44 MiB is free. Including non-PyTorch memory, this process has 23.57 GiB memory in use. Of the allocated memory 22.90 GiB is allocated by PyTorch, and 210.11 MiB is reserved by PyTorch but unallocated.
```

## References

- https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management
- https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.causes.memory_reports import LITERAL, SINCE_2_1, UNTIL_2_0, exhausted
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DEVICES, MODEL_WEIGHTS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_ASKED = "device {device} has no room for another {asked}"
# Below 0.8: a server that names its own setting as the reason says so one exception later.
_PLAIN = 0.79

CAUSE = Cause(
    slug="gpu-oom",
    severity=Severity.ERROR,
    message="{asked} were requested, and {free} of the {total} of device {device} are free",
    needs=(MODEL_WEIGHTS,),
    uses=DEVICES,
    blind_spot="what a model needs beside its weights depends on its requests",
    signatures=(
        Signature(LITERAL, SINCE_2_1, weight=_PLAIN, refine=exhausted),
        Signature(LITERAL, UNTIL_2_0, weight=_PLAIN, refine=exhausted),
        # Apple's devices have an entry of their own.
        Signature(LITERAL, r"(?<!MPS backend )out of memory\. Tried to allocate", weight=0.75),
        Signature("out of memory", r"\b(?:CUDA|HIP|NPU|XPU|MUSA) out of memory", weight=0.75),
        Signature(
            "failed: out of memory",
            r"allocating (?P<asked>[\d.]+ MiB) on device (?P<device>\d+): (?:cuda|hip|musa)Malloc failed",
            weight=_PLAIN,
            message=_ASKED,
        ),
        Signature("Malloc failed: out of memory", weight=_PLAIN),
        Signature("out of memory", r"\b(?:CUDA|HIP|ROCm) error[\w\d ()]*: out of memory", weight=_PLAIN),
        Signature("CUDA_ERROR_OUT_OF_MEMORY", weight=0.75),
        Signature("hipErrorOutOfMemory", weight=0.75),
        Signature("cudaErrorMemoryAllocation", weight=0.75),
        Signature("cudaErrorOutOfMemory", weight=0.75),
        Signature("CUDA failure 2: out of memory", weight=_PLAIN),
        Signature("Cuda Runtime (out of memory)", weight=_PLAIN),
        Signature("cudaMalloc", r"cudaMalloc(?:Async)?\b[^\n]{0,80}out of memory", weight=_PLAIN),
        Signature("OutOfMemoryError", r"\b(?:cupy\S{0,60}|torch(?:\.cuda)?)\.OutOfMemoryError", weight=0.75),
        Signature(
            "Failed to allocate memory for requested buffer of size",
            r"requested buffer of size (?P<asked_bytes>\d+)",
            weight=_PLAIN,
            message="a buffer of {asked_bytes} bytes did not fit",
        ),
        Signature("unable to allocate backend buffer", weight=0.72),
        Signature("failed to allocate compute buffers", weight=0.72),
        Signature("ErrorOutOfDeviceMemory", weight=_PLAIN),
        Signature(
            "ggml_gallocr_reserve_n: failed to allocate", r"failed to allocate (?:CUDA|ROCm|Vulkan)", weight=0.75
        ),
        Signature("unable to allocate", r"unable to allocate (?:CUDA|ROCm|Vulkan|SYCL|CANN)\d* buffer", weight=_PLAIN),
        Signature(
            "OOM when allocating tensor with shape",
            r"with shape\s?(?P<shape>\[[\d,]*\]) and type (?P<type>\w+) on \S*device:(?P<device>(?!CPU)\w+:\d+)",
            weight=_PLAIN,
            message="a {type} tensor of shape {shape} did not fit on {device}",
        ),
        Signature(
            "RESOURCE_EXHAUSTED: Out of memory",
            r"(?:while|when) trying to allocate (?P<asked>[\d.]+ ?\w+)",
            weight=_PLAIN,
            message="the device has no room for another {asked}",
        ),
        Signature("RESOURCE_EXHAUSTED: Out of memory", weight=0.75),
        Signature("RESOURCE_EXHAUSTED", r"RESOURCE_EXHAUSTED: .{0,200}(?:[Oo]ut of memory|allocat|HBM)", weight=0.75),
        Signature("OOM when allocating tensor", weight=0.7),
        Signature("ggml_vulkan: Device memory allocation of size", weight=_PLAIN),
        Signature("CUDA failed with error out of memory", weight=_PLAIN),
        Signature("Out of memory error on GPU", weight=_PLAIN),
        Signature("Insufficient GPU memory error", weight=_PLAIN),
        Signature("Requested amount of GPU memory", r"\d+ bytes\) could not be allocated", weight=_PLAIN),
        Signature("alloc_req_slots runs out of memory", weight=0.75),
        Signature("Prefill out of memory", weight=_PLAIN),
        Signature("Decode out of memory", weight=_PLAIN),
        Signature("Cuda failure", r"Cuda failure(?: \d+)? 'out of memory'", weight=_PLAIN),
    ),
    related=(
        "gpu-oom-fragmentation",
        "gpu-in-use",
        "kv-cache-too-small",
        "memory-budget-misconfigured",
        "host-oom",
        "mps-unsupported",
        "cublas-failure",
    ),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Weights that no device holds, whatever else needs room there."""
    weights = facts.value(MODEL_WEIGHTS)
    having = [(key, device) for key in DEVICES for device in facts.get_value(key, ()) if device.memory]
    if not having:
        return
    key, largest = max(having, key=lambda each: each[1].memory or 0)
    alike = [device for at, device in having if at is key]
    room, together = largest.memory or 0, sum(device.memory or 0 for device in alike)
    if weights <= room:
        return
    yield CAUSE.finding(
        facts,
        largest.name,
        evidence=(MODEL_WEIGHTS, key),
        # Programs may split a model over devices, or leave a part of it to the processor, which is slow.
        severity=Severity.INFO if weights <= together else Severity.WARNING,
        message="the weights are {weights:bytes}, and {device} has {room:bytes}: it takes {count} of them"
        if weights <= together
        else "the weights are {weights:bytes}, and {device} ({count}) has {room:bytes} in all",
        weights=weights,
        device=largest.name,
        room=room if weights <= together else together,
        count=-(-weights // room) if weights <= together else len(alike),
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Who holds the memory, then less of everything that takes it."""
    if params.get("api", "CUDA") == "CUDA":
        yield Remedy(
            why=say("See who holds the device's memory before anything is made smaller."),
            commands=("nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv",),
            safe=True,
        )
    yield Remedy(
        why=say(
            "Lower what runs at once: batch size, concurrent requests (`--max-num-seqs` of vLLM, "
            "`--max-running-requests` of SGLang), context length (`--max-model-len`, `--ctx-size`)."
        ),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Load smaller weights: 16 bit in place of 32, a quantised model, or fewer layers on the device "
            "(`--n-gpu-layers` of llama.cpp)."
        )
    )
    yield Remedy(why=say("Spread the model over more devices (`--tensor-parallel-size`), or take a larger one."))
