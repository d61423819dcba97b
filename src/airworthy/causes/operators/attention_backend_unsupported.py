"""The fused attention kernel is not available for this GPU, data type or head size.

## What happens

`FlashAttention only supports Ampere GPUs or newer`, `No operator found for memory_efficient_attention_forward`, `No
available kernel. Aborting execution`, `Head size 80 is not supported by FlashAttention`, `No valid attention backend
found`. In a server the worker dies with it while it warms up.

## Why

Fast attention is written kernel by kernel: for compute capabilities (FlashAttention 2 from 8.0, FlashAttention 3 for
9.0), for float16 and bfloat16, for some head sizes and kinds of mask. Where a library or a setting asks for one that
has no kernel for the case at hand, it refuses in place of taking a slower one.

## How to end it

Take another backend: PyTorch's own (`attn_implementation="sdpa"`), or `--attention-backend` of vLLM and SGLang. Run
in 16 bit where that was the reason. Remove a flash-attn that the device can't use.

## How to prevent it

Leave the choice to the server unless there is a measured gain, and check the device's capability before flash-attn
is installed.

## Example

```
RuntimeError: FlashAttention only supports Ampere GPUs or newer.
```

## References

- https://github.com/Dao-AILab/flash-attention#nvidia-cuda-support
- https://docs.vllm.ai/en/latest/design/attention_backends/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import python
from airworthy.causes.devices import newest_nvidia
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, NVIDIA_DEVICES
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_HEAD = "{backend} has no kernel for head size {head}"

CAUSE = Cause(
    slug="attention-backend-unsupported",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS, NVIDIA_DEVICES),
    message="{package} {version} has no kernels for {device} ({capability}); it is made for {minimum} and newer",
    signatures=(
        Signature("FlashAttention only supports Ampere GPUs or newer"),
        Signature("only supports Ampere GPUs or newer"),
        Signature("only supports Turing GPUs or newer"),
        Signature("FlashAttention only support", r"FlashAttention only supports? (?:fp16|\w+ GPUs|head dim|CUDA)"),
        Signature("FlashAttention forward only supports head dimension"),
        Signature("FlashAttention backward for head dim"),
        Signature("FlashAttention-3 only supports", weight=1.0),
        Signature("FlashAttention v3 Backend requires SM"),
        Signature("Backend requires SM", r"(?P<backend>[\w ]+) Backend requires SM", weight=0.95),
        Signature("No operator found for `memory_efficient_attention"),
        Signature("No available kernel. Aborting execution"),
        Signature("No available kernel.  Aborting execution"),
        Signature("No viable backend for scaled_dot_product_attention was found"),
        Signature(
            "is not supported by",
            r"[Hh]ead size (?P<head>\d+) is not supported by (?P<backend>\w+)",
            message=_HEAD,
        ),
        Signature("No valid attention backend found for"),
        Signature(
            "is not valid for this configuration",
            r"backend (?:AttentionBackendEnum\.)?(?P<backend>[\w.]+) is not "
            r"valid for this configuration",
        ),
        Signature("Invalid attention backend for", weight=0.95),
        Signature(
            "attention backend",
            r"(?i)attention backend '?\w+'? (?:is )?(?:not supported|requires|unsupported)",
            weight=0.95,
        ),
        Signature("FlashMLA", r"FlashMLA(?: \w+)? (?:is )?(?:only supported|not supported|requires)", weight=0.95),
        Signature("FlashInfer requires", r"FlashInfer requires (?:GPUs|sm|SM|compute)", weight=0.95),
        Signature("Unsupported max_mma_kv: 0", weight=0.8),
        Signature(
            "BatchPrefillWithPagedKVCache", r"BatchPrefillWithPagedKVCache\w* failed|unsupported head_dim", weight=0.7
        ),
        Signature("Unsupported head size", r"Unsupported head size:? ?(?P<head>\d+)"),
        Signature("unsupported head_dim", weight=0.9),
        Signature("head_dim must be", r"(?i)head_dim must be (?:divisible|a multiple|one of|<=|\d)", weight=0.9),
        Signature("FMHA kernels are not found", weight=0.95),
        Signature(
            "does not support Flash Attention",
            r"does not (?:yet )?support (?:an attention implementation|Flash "
            r"Attention)",
            weight=0.9,
        ),
        Signature("does not support an attention implementation through", weight=0.9),
        Signature("does not support Flash Attention 2", weight=0.95),
        Signature("xformers", r"requires device with capability > \(\d+, \d+\) but your GPU has", weight=0.7),
        Signature("requires device with capability", r"> \(\d+, \d+\) but your GPU has capability", weight=0.7),
        Signature("Flash attention currently only supported for compute capability", weight=0.95),
        Signature(
            "flash attention is not supported", r"(?i)flash.?attention is not supported (?:on|for|by|with)", weight=0.85
        ),
        Signature("Sliding window attention is not supported", weight=0.8),
    ),
    related=("dtype-unsupported", "op-not-implemented", "no-kernel-image", "worker-died"),
)

_PACKAGES = {"flash-attn": 2, "flash-attn-3": 0}
"""Package → the first major version that the table's row is about; FlashAttention 1 ran on Turing as well."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The installed attention library against the newest device."""
    best = newest_nvidia(facts.value(NVIDIA_DEVICES))
    if best is None:
        return
    newest, capability = best
    for distribution in facts.value(DISTRIBUTIONS):
        row = known.attention_floor(distribution.name) if distribution.name in _PACKAGES else None
        if row is None or distribution.version.major < _PACKAGES[distribution.name]:
            continue
        if capability < row.minimum or (row.only_major and capability.major != row.minimum.major):
            yield CAUSE.finding(
                facts,
                distribution.name,
                evidence=(DISTRIBUTIONS, NVIDIA_DEVICES, row.evidence("attention_kernels")),
                package=distribution.name,
                version=distribution.version.text,
                device=newest.name,
                capability=capability.text,
                minimum=row.minimum.text,
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another backend."""
    package = str(params.get("package", ""))
    if package:
        yield Remedy(
            why=say(
                "Remove {package}: libraries that find it prefer it, and this device can't run it.", package=package
            ),
            commands=(python(facts, "-m", "pip", "uninstall", "-y", package),),
        )
    yield Remedy(
        why=say('Take PyTorch\'s own attention: `attn_implementation="sdpa"` (or "eager") in transformers.'), safe=True
    )
    yield Remedy(
        why=say(
            "Choose another backend of the server: `--attention-backend` of vLLM (TRITON_ATTN, FLEX_ATTENTION, "
            "FLASHINFER) and of SGLang (`triton`, `flashinfer`)."
        ),
        safe=True,
    )
