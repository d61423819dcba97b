"""A device-side assertion failed: usually an index or a label out of range.

## What happens

`CUDA error: device-side assert triggered`, at a line that has nothing to do with it. Above it stand lines such as
``Indexing.cu: block: [61,0,0], thread: [118,0,0] Assertion `srcIndex < srcSelectDimSize` failed``, which say what it
was. From then on every call fails in that process.

## Why

Kernels check their indices. A token id is not smaller than the embedding table (the tokenizer has more tokens than
the model, or special tokens were added without `resize_token_embeddings`), a position is beyond the longest input,
a label is not below the number of classes. Kernels run later than they are called, so the traceback shows the next
call that waited for them.

## How to end it

Run it once with `CUDA_LAUNCH_BLOCKING=1`, or on the CPU, where the same fault is an `IndexError` at the right line.
Compare the largest token id with the table's rows, and the length with the model's limit. The process has to be
started anew.

## How to prevent it

Check token ids and lengths at the door, before they reach the device.

## Example

```
../aten/src/ATen/native/cuda/Indexing.cu:1289: indexSelectLargeIndex: block: [12,0,0], thread: [64,0,0] Assertion `srcIndex < srcSelectDimSize` failed.
RuntimeError: CUDA error: device-side assert triggered
```

## References

- https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution
- https://github.com/huggingface/transformers/issues/21378
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="device-assert",
    severity=Severity.ERROR,
    message="a kernel's assertion failed: {assertion}",
    unpredictable="it depends on the values of a request",
    signatures=(
        Signature(
            "Assertion `",
            r"Assertion `(?P<assertion>(?:srcIndex < srcSelectDimSize|-sizes\[i\] <= index && index < sizes\[i\]|"
            r"t >= 0 && t < n_classes|cur_target >= 0|idx_dim >= 0|index out of bounds|indexValue >= 0|"
            r"ind >=? ?0|target_val >= |label >= 0|\(?index >= -sizes)[^`]{0,200})` failed",
            weight=0.95,
        ),
        # Two kernels' messages that ran into each other.
        Signature("srcIndex < srcSelectDimSize", weight=0.95),
        Signature(
            "` failed.",
            r"\.cuh?:\d+:.{0,200}block: \[\d+,.{0,60}Assertion `(?P<assertion>[^`]{1,200})` failed",
            weight=0.9,
        ),
        Signature(
            "` failed.",
            r"block: \[\d+,\d+,\d+\], thread: \[\d+,\d+,\d+\] Assertion `(?P<assertion>[^`]{1,200})`",
            weight=0.9,
        ),
        Signature("device-side assert triggered", weight=0.85),
        Signature("CUDA_ERROR_ASSERT", weight=0.85),
        Signature("cudaErrorAssert", weight=0.8),
        Signature("hipErrorAssert", weight=0.8),
        Signature("THCudaCheck FAIL", r"error=59 : device-side assert", weight=0.85),
        Signature("Device-side assertion", weight=0.85),
        Signature("is out of bounds.", r"IndexError: Target -?\d+ is out of bounds", weight=0.7),
    ),
    related=("context-too-long", "nan-in-output", "illegal-memory-access", "tokenizer-broken"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The true line, then the index."""
    yield Remedy(
        why=say("Run it once with kernels in step with the program, so that the traceback shows the call at fault."),
        commands=("set CUDA_LAUNCH_BLOCKING=1" if on_windows(facts) else "export CUDA_LAUNCH_BLOCKING=1",),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Compare the largest token id with the rows of the embedding table, the input's length with the model's "
            "limit, and labels with the number of classes."
        )
    )
    yield Remedy(why=say("Start the process anew: the device's context is unusable after a failed assertion."))
