"""The share of memory that a server is configured to use cannot be met, or leaves no cache.

## What happens

A server stops while it starts, before or right after the weights: `No available memory for the cache blocks`,
`Free memory on device … is less than desired GPU memory utilization`, `Not enough memory. Please try to increase
--mem-fraction-static`. Or it dies in the warm-up, out of memory by its own plan.

## Why

Servers do not take what they need, they take a share that a setting names: 0.9 of the *whole* device for vLLM. If
another process already holds some of it the share can't be met; if the share is hardly larger than the weights,
nothing is left for the cache; if it is nearly all of it, warm-up and graphs have no room. Two servers on one device
with 0.9 each can never work.

## How to end it

Work the share out: (weights + working memory + cache wanted) / size of the device, and below what is free now. Move
it **down** where free memory is less than it, or where warm-up ran out; **up** where nothing was left for the cache.

## How to prevent it

Write the share down for each server on a device, so that they add up to less than 0.95.

## Example

```
ValueError: Free memory on device (35.10/44.40 GiB) on startup is less than desired GPU memory utilization (0.9, 39.96 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
```

## References

- https://docs.vllm.ai/en/latest/configuration/conserving_memory/
- https://github.com/sgl-project/sglang/issues/322
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="memory-budget-misconfigured",
    severity=Severity.ERROR,
    message="{free} GiB of {total} GiB are free, and a share of {share} asks for {wanted} GiB",
    unpredictable="the share is a setting of the server, and what it leaves shows only in its warm-up",
    signatures=(
        Signature(
            "is less than desired GPU memory utilization",
            r"Free memory on device ?\S{0,10} \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\).{0,60}utilization "
            r"\((?P<share>[\d.]+), (?P<wanted>[\d.]+) GiB\)",
        ),
        Signature("is less than desired GPU memory utilization"),
        Signature("No available memory for the cache blocks"),
        Signature("No available memory", r"No available (?:GPU )?memory for (?:the )?(?:cache|KV)"),
        Signature("Please try to increase --mem-fraction-static"),
        Signature("Please try to reduce --mem-fraction-static", weight=0.95),
        Signature("mem-fraction-static", r"(?i)not enough memory.{0,80}mem.fraction.static", weight=0.95),
        Signature("out of memory occurred when warming up"),
        Signature("Error in memory profiling", r"memory profiling\. (?:Initial|This happens)"),
        Signature("gpu_memory_utilization must be", weight=0.95),
        Signature(
            "GPU memory utilization must be less than 1",
            r"must be less than 1\.0\. Got (?P<share>[\d.]+)",
            message="the share of memory is {share}, more than the whole device",
        ),
        Signature("No enough gpu memory for runtime", weight=0.95),
        Signature("Capture cuda graph failed", r"(?i)capture cuda graph failed.{0,80}(?:memory|OOM)", weight=0.9),
        Signature("reduce GPU memory used by other processes", weight=0.9),
        Signature("is larger than the profiled value -", weight=0.9),
    ),
    related=("gpu-oom", "gpu-in-use", "kv-cache-too-small"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The share that can be met now, or the direction in which to move it."""
    if "free" in params and "total" in params and float(params["total"]) > 0:
        share = int(float(params["free"]) / float(params["total"]) * 100 - 2) / 100
        if share >= 0.1:
            yield Remedy(
                why=say("A share of {share:.2f} can be met with what is free now.", share=share),
                commands=(f"vllm serve MODEL --gpu-memory-utilization {share:.2f}",),
                safe=True,
            )
        yield Remedy(
            why=say("See who holds the rest of the device; a server that was not ended is the usual one."),
            commands=("nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv",),
            safe=True,
        )
        return
    yield Remedy(
        why=say(
            "If nothing was left for the cache, raise the share (`--gpu-memory-utilization 0.95` of vLLM, "
            "`--mem-fraction-static` of SGLang); if the warm-up ran out of memory, lower it, or lower "
            "`--max-num-seqs`."
        ),
        safe=True,
    )
    yield Remedy(why=say("If the weights alone fill the device, quantise them or spread them over more devices."))
