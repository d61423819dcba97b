"""The container was killed for passing its own memory limit.

## What happens

The container ends with status 137, at the same point of loading or under the same load each time, with no message of
its own: it gets no chance to write one. `kubectl describe pod` shows `OOMKilled`, the kernel's log `Memory cgroup out
of memory`.

## Why

The limit is the container's, not the machine's: the host may have plenty left. Loading takes more than serving.
Weights are read into host memory before they go to the device, some loaders hold them twice, worker processes each
hold their own, and files under `/dev/shm` and in `emptyDir` volumes of medium `Memory` count as well.

## How to end it

Raise the limit above the peak of loading, or lower the peak: load from safetensors, which is mapped and not copied,
with fewer workers, in a smaller data type.

## How to prevent it

`airworthy check MODEL` inside the container compares the model with the limit. Measure the peak once
(`memory.peak` of the cgroup) and set the limit from it.

## Example

```
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
```

## References

- https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/
- https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import MEMORY_LIMIT, MODEL_FORMAT, MODEL_SIZE
from airworthy.core.messages import bytes_text, say
from airworthy.knowledge import Knowledge

MARGIN = 512 * 1024**2
"""Bytes that an interpreter with a framework takes besides the weights; torch with CUDA initialised takes more."""
_MAPPED = frozenset({"gguf", "safetensors"})
"""Formats whose weights are mapped from the file: pages that do not fit are read again instead of killing."""

CAUSE = Cause(
    slug="container-oomkilled",
    severity=Severity.ERROR,
    needs=(MEMORY_LIMIT, MODEL_SIZE),
    uses=(MODEL_FORMAT,),
    message="the container may use {limit:bytes}, and the model alone has {size:bytes}",
    signatures=(
        Signature("OOMKilled", r'(?<!")\bOOMKilled\b(?!"?\s*:)'),
        Signature("OOMKilled", r'"OOMKilled"(?=\s*(?:,|$|\}))'),
        Signature("OOMKilled", r'"?OOMKilled"?\s*[:=]\s*true\b'),
        Signature("Memory cgroup out of memory"),
        Signature("CONSTRAINT_MEMCG"),
        Signature("Memory cgroup stats for /"),
        Signature("memory: usage ", r"memory: usage \d+kB, limit (?!9007199254740988)\d+kB, failcnt [1-9]"),
        Signature("OutOfMemoryError: Container killed due to memory usage"),
        Signature("TaskOOM", r"TaskOOM\b", weight=0.95),
        Signature("container out of memory", weight=0.9),
        Signature("reached its memory limit", weight=0.8),
        Signature(
            "exceeding memory limits", r"Container killed by YARN|killed .{0,80}for exceeding memory limits", weight=0.9
        ),
        Signature("Memory limit of ", r"Memory limit of \S{1,20} ?[MG]i?B? exceeded", weight=0.9),
    ),
    related=("host-oom", "probe-failed", "shm-too-small", "worker-died"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The weights and an interpreter against the limit; what else a program takes is not known."""
    limit, size = facts.value(MEMORY_LIMIT), facts.value(MODEL_SIZE)
    if size + MARGIN <= limit:
        return
    mapped = facts.get_value(MODEL_FORMAT, "") in _MAPPED
    yield CAUSE.finding(
        facts,
        facts.source(MEMORY_LIMIT),
        evidence=(MEMORY_LIMIT, MODEL_SIZE),
        severity=Severity.WARNING if mapped or size <= limit else Severity.ERROR,
        confidence=Confidence.MEDIUM,
        limit=limit,
        size=size,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A higher limit, or a lower peak."""
    size = params.get("size")
    wanted = bytes_text(2 * int(size)) if isinstance(size, int) else ""
    yield Remedy(
        why=say(
            "Raise the limit to {wanted} or so, twice the weights, then lower it to the measured peak.", wanted=wanted
        )
        if wanted
        else say("Raise the limit above the peak of loading: `resources.limits.memory`, or `docker run --memory`."),
    )
    yield Remedy(
        why=say("Show the limit and the peak, in the container."),
        commands=("cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.peak",),
        safe=True,
    )
    yield Remedy(why=say("Or lower the peak: weights as safetensors, fewer workers, a smaller data type."))
