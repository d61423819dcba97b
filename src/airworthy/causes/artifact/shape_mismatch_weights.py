"""A weight has another shape than the parameter it is loaded into.

## What happens

Loading fails with `size mismatch for lm_head.weight: copying a param with shape … from checkpoint, the shape in
current model is …`, one line a tensor.

## Why

The names fit, so code and file are of one family; a number differs. The configuration is of another size of the
model, the vocabulary was enlarged by added tokens after the configuration was written, the head has another number
of labels, a file was padded for tensor parallelism or is one shard of it. A shape of `[0]` or `[1]` is a weight
that was saved from a partitioned run (DeepSpeed ZeRO-3, FSDP), or a packed one that the library for its
quantisation did not unpack.

## How to end it

Use the configuration that belongs to the weights. For added tokens resize the embeddings before loading; for
another head let that layer be new (`ignore_mismatched_sizes=True`). Gather partitioned weights before saving them.

## How to prevent it

Save configuration, tokenizer and weights in one step, into one folder.

## Example

```
        size mismatch for gpt.h.6.ln_1.weight: copying a param with shape torch.Size([1280]) from checkpoint, the
shape in current model is torch.Size([1024]).
```

## References

- https://huggingface.co/docs/transformers/main_classes/model
- https://github.com/index-tts/index-tts/issues
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.weight_faults import findings
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import WEIGHT_FAULTS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="shape-mismatch-weights",
    severity=Severity.ERROR,
    message="the weight {name} does not have the shape that the model gives it",
    needs=(WEIGHT_FAULTS,),
    signatures=(
        Signature("size mismatch for", r"size mismatch for (?P<name>[\w.]{1,200}): copying a param"),
        Signature("Attempted to load weight", r"Attempted to load weight \(.{0,100}\) into parameter"),
        Signature("Trying to set a tensor of shape"),
        Signature("but the shapes did not match", weight=0.95),
        Signature("because the shapes did not match", weight=0.95),
        Signature("ignore_mismatched_sizes", weight=0.9),
        Signature("expected shape", r"Cannot load .{0,600}expected shape"),
        Signature("has wrong shape; expected", r"tensor '(?P<name>[\w.]{1,200})' has wrong shape"),
        Signature("not compatible with provided weight shape"),
        Signature("Shape mismatch in layer #"),
        Signature("Assign requires shapes of both tensors to match", weight=0.95),
        Signature("is not compatible with supplied shape", weight=0.95),
        Signature(
            "loaded_weight",
            r"assert .{0,100}(?:shape|size\(\)).{0,40}== ?.{0,20}loaded_weight|assert loaded_weight\.shape\[",
            weight=0.9,
        ),
        Signature("weights with shape", r"expects? weights? with shape", weight=0.8),
    ),
    related=("keys-mismatch", "architecture-unknown", "quant-backend-missing"),
)


_KINDS = frozenset({"shape"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What a given reference has otherwise; what a model's code expects is known only to that code."""
    yield from findings(CAUSE, facts, _KINDS, "name")


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See the shapes, then make configuration and weights agree."""
    yield Remedy(
        why=say("List what the file holds, and compare its shapes with the configuration."),
        commands=(command(facts, "airworthy", "inspect", model_file(facts)),),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Use the configuration that was saved with the weights. For tokens that were added, resize the "
            "embeddings before "
            "loading; for a new head, pass `ignore_mismatched_sizes=True` and train it."
        )
    )
