"""Weights were never loaded: tensors stayed on the meta device, without data.

## What happens

Loading or the first run ends with `Cannot copy out of meta tensor; no data!`, `Tensor.item() cannot be called on meta
tensors`, or `expected device meta but got cuda:0`. The files seem fine.

## Why

Large models are built first without memory, on the device `meta`, and filled from the files. Parameters that no file
names (a tied head, an added layer, a name that differs) stay empty; or the model is moved with `.to(device)` although
it was spread over devices and disk.

## How to end it

Load it with `device_map="auto"` and don't move it after, or with `low_cpu_mem_usage=False`, which fills everything.
If parameters are missing in the files, see which.

## How to prevent it

Treat the loader's `Some weights … were not initialized` as an error.

## Example

```
NotImplementedError: Cannot copy out of meta tensor; no data!
```

## References

- https://huggingface.co/docs/accelerate/concept_guides/big_model_inference
- https://docs.pytorch.org/docs/stable/meta.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_folder
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="weights-left-on-meta",
    severity=Severity.ERROR,
    message="tensors are on the meta device and hold no data",
    unpredictable="it is about how a program loads the weights",
    signatures=(
        Signature("Cannot copy out of meta tensor"),
        Signature("cannot be called on meta tensors"),
        Signature("is on the meta device", r"(?:is|are) on the meta device(?! because| but will)", weight=0.95),
        Signature(
            "device meta", r"(?i)expected device meta|device meta,? but|(?:on|and) (?:the )?device meta\b", weight=0.85
        ),
        Signature("is on the meta device, we need a `value` to put in on", weight=1.0),
        Signature(
            "meta tensors", r"(?:RuntimeError|NotImplementedError|ValueError): .{0,160}meta tensors?", weight=0.8
        ),
        Signature("torch.nn.Module.to_empty()", weight=0.95),
        Signature("You can't move a model that has some modules offloaded to cpu or disk", weight=0.9),
    ),
    related=("keys-mismatch", "device-mismatch", "shard-missing"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Fill them, then see what was missing."""
    yield Remedy(
        why=say(
            'Load with `device_map="auto"` and don\'t call `.to(device)` after it; or with `low_cpu_mem_usage=False`.'
        ),
        safe=True,
    )
    yield Remedy(
        why=say("See whether the files hold every tensor that the model's configuration asks for."),
        commands=(command(facts, "airworthy", "inspect", model_folder(facts)),),
        safe=True,
    )
