"""The key-value cache left after the weights cannot hold the context length.

## What happens

The weights load, and the server stops while it sizes the cache: vLLM's `max seq len (29000) is larger than the
maximum number of tokens that can be stored in KV cache`, llama.cpp's `failed to allocate buffer for kv cache`.

## Why

Every token of context keeps its keys and values on the device: layers times key-value heads times head size times 2
times bytes. A server that promises the model's whole context must be able to hold at least one request of that length, and models
promise 128 thousand tokens and more. What is left of the device after weights and working memory decides.

## How to end it

Promise less: set the context to what the requests need. Where they do need it, give the server a larger share of
the device, store the cache in 8 bit, or spread the model over more devices.

## How to prevent it

`airworthy fit MODEL` works out the cache for a context length to the byte. Set the length explicitly, never leave
it at the model's own.

## Example

```
ValueError: To serve at least one request with the models's max seq len (40960), (5.62 GiB KV cache is needed, which is larger than the available KV cache memory (3.40 GiB). Based on the available memory, the estimated maximum model length is 24768.
```

## References

- https://docs.vllm.ai/en/latest/configuration/conserving_memory/
- https://github.com/vllm-project/vllm/issues/2418
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DEVICES, DISTRIBUTIONS, MODEL_CACHE, MODEL_WEIGHTS, TARGET_TENSOR_PARALLEL
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_NEEDED = "a context of {wanted} tokens needs {needed} of cache, and {left} are left"

CAUSE = Cause(
    slug="kv-cache-too-small",
    severity=Severity.ERROR,
    message="the cache holds {tokens} tokens, and the context is set to {wanted}",
    needs=(MODEL_CACHE, MODEL_WEIGHTS),
    uses=(DISTRIBUTIONS, TARGET_TENSOR_PARALLEL, *DEVICES),
    blind_spot="what is left for the cache depends on settings of the server",
    signatures=(
        Signature(
            "KV cache is needed, which is larger than the available",
            r"max seq len \((?P<wanted>\d+)\),? \(?(?P<needed>[\d.]+ GiB) KV cache is needed, which is larger than the "
            r"available KV cache memory \((?P<left>[-\d.]+ GiB)\)"
            r"(?:.{0,80}estimated maximum model length is (?P<fits>\d+))?",
            message=_NEEDED,
        ),
        Signature("KV cache is needed, which is larger than the available"),
        Signature(
            "is larger than the maximum number of tokens that can be stored in KV cache",
            r"max seq len \((?P<wanted>\d+)\) is larger than .{60,80}\((?P<tokens>\d+)\)",
        ),
        Signature(
            "is larger than the maximum number of tokens",
            r"(?:context length|max_model_len|max seq len|max_seq_len)\D{0,40}(?P<wanted>\d+)\D{0,120}cache\D{0,30}"
            r"(?P<tokens>\d+)",
        ),
        Signature(
            "Available KV cache memory: -",
            r"memory: (?P<left>-[\d.]+ GiB)",
            weight=0.9,
            message="after the weights {left} are left for the cache",
        ),
        Signature("failed to allocate buffer for kv cache"),
        Signature("failed to allocate", r"failed to allocate (?:memory|buffer) for (?:the )?(?:kv|KV)[ -]cache"),
        Signature("llama_kv_cache_init() failed"),
        Signature("failed to initialize the context: failed to allocate buffer"),
        Signature("Not enough memory to handle", r"to handle (?P<wanted>\d+) prefill tokens", weight=0.9),
        Signature(
            "maxTokensInPagedKvCache",
            r"maxTokensInPagedKvCache \((?P<tokens>\d+)\).{0,80}(?:must be|is).{0,40}(?:greater|large)",
            weight=0.95,
            message="the cache holds {tokens} tokens, less than one request of full length needs",
        ),
    ),
    related=("gpu-oom", "memory-budget-misconfigured", "context-too-long"),
)


SERVERS = ("vllm", "sglang")
"""Servers that give the cache what is left, and refuse a context that does not fit into it."""
SHARE = 0.9
"""The part of a device's memory that they take for weights, cache and everything else."""
OVERHEAD = 1 << 30
"""Bytes for the runtime, graphs and activations, of which they need at least this much."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The cache of one sequence of full length against what the weights leave of the largest device."""
    cache, weights = facts.value(MODEL_CACHE), facts.value(MODEL_WEIGHTS)
    having = [(key, device) for key in DEVICES for device in facts.get_value(key, ()) if device.memory]
    if not cache.longest or not having:
        return
    key, largest = max(having, key=lambda each: each[1].memory or 0)
    count = facts.get_value(TARGET_TENSOR_PARALLEL, 1)
    left = int(SHARE * (largest.memory or 0) * count) - weights - OVERHEAD
    needed = known.cache_size(cache, cache.longest)
    if left <= 0 or needed <= left:
        return  # where not even the weights leave room, running out of memory is the matter
    refuses = any(each.name in SERVERS for each in facts.get_value(DISTRIBUTIONS, ()))
    yield CAUSE.finding(
        facts,
        largest.name,
        evidence=(MODEL_CACHE, MODEL_WEIGHTS, key),
        severity=Severity.WARNING if refuses else Severity.INFO,
        confidence=Confidence.MEDIUM,
        message="the longest context of {wanted} tokens needs {needed:bytes} of cache, and {device} has {left:bytes} "
        "left for it: {fits} tokens",
        wanted=cache.longest,
        needed=needed,
        left=left,
        device=largest.name,
        fits=known.longest_context(cache, left),
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A context that fits, then a larger or denser cache."""
    fits = str(params.get("fits") or params.get("tokens") or "")
    yield Remedy(
        why=say(
            "Set the context length to at most {fits} tokens, which the cache holds: `--max-model-len {fits}` of vLLM.",
            fits=fits,
        )
        if fits
        else say(
            "Set the context length to what requests need: `--max-model-len` of vLLM, `--context-length` of SGLang, "
            "`--ctx-size` of llama.cpp, `OLLAMA_CONTEXT_LENGTH` of Ollama."
        ),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Store the cache in 8 bit: `--kv-cache-dtype fp8` of vLLM and SGLang, `--cache-type-k q8_0 "
            "--cache-type-v q8_0` of llama.cpp."
        )
    )
    yield Remedy(
        why=say(
            "Give the server more of the device (`--gpu-memory-utilization`, `--mem-fraction-static`), or spread the "
            "model over more devices."
        )
    )
