"""The model cannot be divided among that many devices.

## What happens

A server stops at its start: `Total number of attention heads (28) must be divisible by tensor parallel size (8)`,
`32768 is not divisible by 3`, or it asks for more devices than there are and stops or waits for ever.

## Why

Tensor parallelism gives each device an equal part of every layer, and whole attention heads only. So heads, the
width of the feed-forward layers (by blocks, for quantised weights) and the padded vocabulary must divide by the
number of devices. Pipeline parallelism divides layers instead, and needs no more than one layer a device.

## How to end it

Take a number of devices that divides the heads: 1, 2, 4 or 8 for most models, the rest by pipeline parallelism. Ask
for no more than are visible.

## How to prevent it

Read `num_attention_heads` and `num_key_value_heads` in the model's `config.json` before choosing a machine;
`airworthy check` does where the number of devices is given.

## Example

```
ValueError: Total number of attention heads (40) must be divisible by tensor parallel size (3).
```

## References

- https://docs.vllm.ai/en/latest/serving/parallelism_scaling/
- https://github.com/vllm-project/vllm/issues/11797
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_ATTENTION_HEADS, NVIDIA_DEVICES, TARGET_TENSOR_PARALLEL
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_DEVICES = "{wanted} devices were requested, and {present} are there"

CAUSE = Cause(
    slug="parallelism-indivisible",
    severity=Severity.ERROR,
    needs=(TARGET_TENSOR_PARALLEL,),
    uses=(MODEL_ATTENTION_HEADS, NVIDIA_DEVICES),
    message="{whole} attention heads cannot be divided among {parts} devices",
    signatures=(
        Signature(
            "must be divisible by tensor parallel size",
            r"heads \((?P<whole>\d+)\) must be divisible by tensor parallel size \((?P<parts>\d+)\)",
        ),
        Signature("must be divisible by tensor parallel size"),
        Signature("must be divisible by tensor", r"must be divisible by (?:the )?tensor[ _](?:model[ _])?parallel"),
        Signature(
            "must be divisible by", r"must be divisible by `?(?:tp_size|num_shard|mp_size|world_size|tp|tensor-)\b"
        ),
        Signature("must be divisible by `num_shards`", weight=1.0),
        Signature(
            "is not divisible by",
            r"AssertionError: (?P<whole>\d+) is not divisible by (?P<parts>\d+)",
            weight=0.95,
            message="{whole} cannot be divided by {parts}",
        ),
        Signature(
            "is not divisible by", r"is not divisible by (?:the )?(?:tensor|pipeline|TP|tp_size|weight quantization)"
        ),
        Signature(
            "is not divisible by the number of tensor parallelism",
            r"number of GPUs per node is not divisible",
        ),
        Signature("is not divisible by weight quantization block_n"),
        Signature("is not divisible by weight quantization block_k"),
        Signature("is not aligned with the quantized weight shape"),
        Signature("larger tensor parallel size", weight=1.0),
        Signature("The number of required GPUs exceeds the total number of available GPUs"),
        Signature("is not divisible by tp_size", weight=1.0),
        Signature("total_num_heads % tp", r"assert .{0,60}total_num_(?:kv_)?heads % ", weight=0.9),
        Signature(
            "World size (",
            r"World size \((?P<wanted>\d+)\) is larger than the number of available GPUs "
            r"\((?P<present>\d+)\)",
            message=_DEVICES,
        ),
        Signature("is larger than the number of available GPUs"),
        Signature("exceeds number of available GPUs", weight=0.95),
        Signature("exceeds the number of available GPUs", weight=0.95),
        Signature("Duplicate GPU detected", weight=0.85),
        Signature(
            "is greater than the number of available",
            r"(?:world|parallel|GPUs?).{0,60}is greater than the number "
            r"of available (?:GPUs|devices)",
            weight=0.95,
        ),
        Signature("in the placement group specification but the", weight=0.9),
        Signature(
            "Tensor parallel size (",
            r"Tensor parallel size \((?P<wanted>\d+)\) exceeds available GPUs "
            r"\((?P<present>\d+)\)",
            weight=0.95,
            message=_DEVICES,
        ),
        Signature("Cannot provide a placement group of", weight=0.85),
        Signature("Current node has no GPU available", weight=0.6),
        Signature("tp_size must be", r"tp_size must be (?:smaller|less|a divisor)", weight=0.9),
        Signature(
            "must be a multiple of",
            r"(?:world[_ ]size|num_heads|hidden[_ ]size).{0,40}must be a multiple of",
            weight=0.8,
        ),
        Signature(
            "cannot be larger than the number of available GPUs",
            r"size \((?P<wanted>\d+)\) cannot be larger than the "
            r"number of available GPUs \((?P<present>\d+)\)",
            message=_DEVICES,
        ),
        Signature("is true but only found", r"only found (?P<present>\d+) CUDA devices"),
        Signature("total_num_kv_heads % tp", weight=0.9),
        Signature("invalid device ordinal", weight=0.8),
        Signature("device < num_gpus", weight=0.8),
    ),
    related=("gpu-not-visible", "collective-failed", "worker-died"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Heads by parts, and parts against the devices that are there."""
    parts = facts.value(TARGET_TENSOR_PARALLEL)
    heads = facts.get_value(MODEL_ATTENTION_HEADS, 0)
    if parts > 1 and heads and heads % parts:
        yield CAUSE.finding(
            facts,
            say("tensor parallel size {parts}", parts=parts),
            evidence=(MODEL_ATTENTION_HEADS, TARGET_TENSOR_PARALLEL),
            whole=heads,
            parts=parts,
        )
    devices = facts.get_value(NVIDIA_DEVICES, ())
    if devices and parts > len(devices):
        yield CAUSE.finding(
            facts,
            say("tensor parallel size {parts}", parts=parts),
            evidence=(TARGET_TENSOR_PARALLEL, NVIDIA_DEVICES),
            message=_DEVICES,
            wanted=parts,
            present=len(devices),
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Numbers that divide it."""
    whole, parts = int(params.get("whole") or 0), int(params.get("parts") or 0)
    fitting = tuple(number for number in (1, 2, 4, 8, 16) if whole and whole % number == 0)
    if "wanted" in params:
        yield Remedy(
            why=say("Ask for at most {present} devices on this machine.", present=params["present"]), safe=True
        )
    elif len(fitting) > 1:
        best = max(number for number in fitting if number <= max(parts, 2))
        yield Remedy(
            why=say("Take one of these numbers of devices: {fitting}.", fitting=fitting),
            commands=(f"vllm serve MODEL --tensor-parallel-size {best}",),
            safe=True,
        )
    else:
        yield Remedy(
            why=say("Take a number of devices that divides the attention heads and is no larger than what is visible."),
            commands=("nvidia-smi -L",),
            safe=True,
        )
    yield Remedy(
        why=say("Use all devices by dividing layers in place of heads: `--pipeline-parallel-size`."), safe=True
    )
