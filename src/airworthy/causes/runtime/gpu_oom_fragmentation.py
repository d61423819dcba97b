"""Accelerator memory ran out though much of it lay reserved and unused.

## What happens

`CUDA out of memory`, and the message itself shows the memory: far less is *allocated* than is *reserved by
PyTorch*. It comes after a while, with requests of changing sizes, seldom at the first one.

## Why

PyTorch takes memory from the driver in segments and cuts blocks out of them. Blocks of many sizes, freed in another
order, leave gaps; a request larger than any gap fails though the gaps together would hold it.

## How to end it

Let segments grow in place of adding new ones: `PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True`
(`PYTORCH_ALLOC_CONF` from PyTorch 2.9 on). Where that is not supported, keep large blocks from being split:
`max_split_size_mb:128`.

## How to prevent it

Pad lengths and batches to a few sizes, so that blocks are used again, and warm up with the largest first.

## Example

```
torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.95 GiB (GPU 0; 23.69 GiB total capacity; 14.02 GiB already allocated; 1.10 GiB free; 21.40 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting max_split_size_mb to avoid fragmentation.
```

## References

- https://docs.pytorch.org/docs/stable/notes/cuda.html#optimizing-memory-usage-with-pytorch-alloc-conf
- https://docs.pytorch.org/docs/stable/torch_cuda_memory.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.memory_reports import LITERAL, SINCE_2_1, UNTIL_2_0, fragmented
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="gpu-oom-fragmentation",
    severity=Severity.ERROR,
    message="{asked} were requested while {slack} lay reserved and unused on device {device}",
    unpredictable="gaps come of the order in which requests take and free memory",
    signatures=(
        Signature(LITERAL, SINCE_2_1, weight=0.95, refine=fragmented),
        Signature(LITERAL, UNTIL_2_0, weight=0.95, refine=fragmented),
    ),
    related=("gpu-oom", "gpu-in-use", "memory-budget-misconfigured"),
)

_VARIABLES = {"HIP": "PYTORCH_HIP_ALLOC_CONF", "NPU": "PYTORCH_NPU_ALLOC_CONF"}


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Segments that grow, else blocks that are not split."""
    variable = _VARIABLES.get(str(params.get("api", "")), "PYTORCH_CUDA_ALLOC_CONF")
    if on_windows(facts):
        yield Remedy(
            why=say("Keep large blocks from being split; growing segments are not supported on Windows."),
            commands=(f"set {variable}=max_split_size_mb:128",),
            safe=True,
        )
        return
    yield Remedy(
        why=say("Let the allocator's segments grow in place of adding new ones, then start again."),
        commands=(f"export {variable}=expandable_segments:True",),
        safe=True,
    )
    yield Remedy(
        why=say("Where segments can't grow, keep large blocks from being split."),
        commands=(f"export {variable}=max_split_size_mb:128",),
        safe=True,
    )
