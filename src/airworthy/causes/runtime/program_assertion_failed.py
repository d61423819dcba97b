"""A program's own check of itself failed: most likely a fault of the program, to be reported.

## What happens

The program stops with words about its inside and not about yours: `GGML_ASSERT(...) failed`, `INTERNAL ASSERT FAILED
at … please report a bug to PyTorch`, `RuntimeException: … internal error, please report`, a failing `RAFT_ASSERT`.

## Why

Programs check what they believe about themselves. When such a check fails, an input or a device met a case that its
authors did not write for. It may be set off by a damaged model, a rare shape or an odd combination of options, and the
fault is the program's all the same.

## How to end it

Take a newer release, or an older one where it worked. Search the project's issues for the file and line that the
message names, and report it with them. Until then go around it: another model file, other options, another device.

## How to prevent it

Try a new release on the real model before the service gets it, and keep the old one at hand.

## Example

```
RuntimeError: isDifferentiableType(variable.scalar_type()) INTERNAL ASSERT FAILED at "../torch/csrc/autograd/functions/utils.h":59, please report a bug to PyTorch.
```

## References

- https://github.com/pytorch/pytorch/issues
- https://github.com/ggml-org/llama.cpp/issues
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="program-assertion-failed",
    severity=Severity.ERROR,
    message="the program's own check failed at {place}: {check}",
    unpredictable="it is a fault of a program that shows with some inputs",
    signatures=(
        Signature(
            "INTERNAL ASSERT FAILED at",
            r"(?P<check>[^\n]{1,120}?) ?INTERNAL ASSERT FAILED at \"(?P<place>[^\"]{1,200}\":\d+)",
            weight=0.7,
        ),
        Signature("INTERNAL ASSERT FAILED", weight=0.6),
        Signature(
            "GGML_ASSERT(",
            r"(?P<place>[\w./+-]{1,120}:\d+): GGML_ASSERT\((?P<check>[^\n]{1,160})\) failed",
            weight=0.65,
        ),
        Signature("GGML_ASSERT", r"GGML_ASSERT: (?P<place>[\w./+-]{1,120}:\d+): (?P<check>[^\n]{1,160})", weight=0.65),
        Signature("please report a bug", r"(?i)please report (?:a|this) (?:bug|issue)", weight=0.6),
        Signature("lease report this", r"(?i)please report this (?:bug|issue|error|problem)", weight=0.6),
        Signature("file a bug report", weight=0.5),
        Signature("This is likely a bug in", weight=0.6),
        Signature("this is a bug in", r"(?i)this is a bug in", weight=0.6),
        Signature(
            "internal compiler error",
            r"internal compiler error: (?P<check>[^\n]{1,160})",
            weight=0.6,
            message="the compiler failed: {check}",
        ),
        Signature("Internal error: Oops: ", weight=0.6),
        Signature(
            " Assertion `",
            r"(?P<place>[\w./+-]{1,160}:\d+): .{1,300}Assertion `(?P<check>[^'\n]{1,200})' failed",
            weight=0.55,
        ),
        Signature(
            "LLVM ERROR: ", r"LLVM ERROR: (?P<check>[^\n]{1,160})", weight=0.5, message="the compiler failed: {check}"
        ),
    ),
    related=("kernel-compile-failed", "illegal-memory-access", "worker-died", "shape-mismatch"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another release, and a report."""
    place = str(params.get("place", ""))
    yield Remedy(
        why=say("Search the project's issues for {place}, and report it there with the whole output.", place=place)
        if place
        else say("Search the project's issues for the words of the check, and report it there with the whole output."),
        safe=True,
    )
    yield Remedy(why=say("Take the newest release of the program, or the last one with which it worked."))
