"""vLLM: claims a share of the device, and gives to keys and values what weights and a trial run leave of it.

The trial run's peak is mostly that of sampling: the scores of the most requests at a time in 32 bits, sorted with their
places, and summed up: about ten times (vllm/v1/worker/gpu_worker.py; logs of 7 to 8 billion parameters: 1.22 to 1.45
GiB with 256 requests and vocabularies of 128,256 to 152,064).
"""

from __future__ import annotations

from airworthy.core.messages import say
from airworthy.core.values import ModelShape
from airworthy.fit.engines import shared
from airworthy.fit.parts import DEVICE, HOST, MIB, Interval, MemoryEstimate, Part, around
from airworthy.fit.question import FitModel, Use
from airworthy.knowledge import cache as attention

SHARE = 0.92
"""The share of a device that it claims by default (vllm/config/cache.py, 0.32)."""
SEQUENCES = 256
"""Requests that the trial run samples for, by default on a device of less than 70 GiB."""
TOKENS = 2048
"""Tokens that are computed at once, by default (8192 on large devices)."""
SORTED_COPIES = 9.8
"""Sizes of the scores in 32 bits that sampling holds at a time."""
NON_TORCH = Interval(60 * MIB, 200 * MIB, 1800 * MIB)
"""What libraries take beside PyTorch: 0.06 to 0.2 GiB on one device, more with collectives."""
GRAPHS = Interval(300 * MIB, 600 * MIB, 1500 * MIB)
"""CUDA graphs that are captured after the cache is sized."""
PROCESS = 2200 * MIB
"""The server's processes on the host."""


def memory(model: FitModel, use: Use) -> MemoryEstimate:
    """What a model takes; of the cache what the requests need, or all that is left where the device's size is given."""
    share = 1 / max(1, use.parallel)
    parts = [shared.weights(model, place=DEVICE, share=share)]
    assumed: tuple[str, ...] = ()
    if model.shape is not None:
        assumed = model.shape.assumed
        parts.append(
            Part(
                name="compute",
                place=DEVICE,
                size=activations(model.shape, use),
                basis=say("the peak of a trial run: sampling, or the widest layer"),
            )
        )
    parts += shared.cache(model, use, place=DEVICE, block=attention.PAGE, share=_cache_share(model, use))
    parts.append(Part(name="runtime", place=DEVICE, size=NON_TORCH, basis=say("CUDA, cuBLAS and NCCL beside PyTorch")))
    if use.graphs:
        parts.append(Part(name="graphs", place=DEVICE, size=GRAPHS, basis=say("CUDA graphs, outside of the share")))
    if use.device_total:
        parts = [each for each in parts if each.name != "kv"]
        parts.append(budget(parts, use))
    parts.append(shared.process(PROCESS, say("the server, its engine process and PyTorch")))
    loaded = min(model.largest_shard or (model.weights.high if model.weights else 0), 8 << 30)
    parts.append(
        Part(name="load", place=HOST, size=around(loaded, 0.9, 0.2), basis=say("one file at a time"), passing=True)
    )
    return MemoryEstimate(engine="vllm", parts=tuple(parts), assumed=assumed)


def activations(shape: ModelShape, use: Use) -> Interval:
    """Bytes of the trial run's peak beside the weights."""
    sequences = use.sequences or SEQUENCES
    tokens = use.batched_tokens or TOKENS
    sampling = SORTED_COPIES * min(sequences, tokens) * shape.vocabulary * 4 if use.sampled else 0.0
    inner = (shape.feed_forward + shape.expert_shared) / max(1, use.parallel)
    if shape.experts:
        inner = max(1, shape.experts_used) * (shape.feed_forward / max(1, use.parallel) + shape.embedding)
    layer = tokens * 2 * (3 * inner + 4 * shape.embedding)
    likely = max(sampling, layer)
    return Interval(0.7 * max(likely, layer), likely, 1.15 * (likely + 0.35 * layer))


def budget(parts: list[Part], use: Use) -> Part:
    """What is left for keys and values of the share of a device; below nothing where it can't start."""
    claimed = (use.share or SHARE) * use.device_total
    taken = [each.size for each in parts if each.place == DEVICE and each.name in ("weights", "compute", "runtime")]
    size = Interval(
        claimed - sum(each.high for each in taken),
        claimed - sum(each.point for each in taken),
        claimed - sum(each.low for each in taken),
    )
    return Part(name="kv", place=DEVICE, size=size, basis=say("what weights and the trial run leave of the share"))


def _cache_share(model: FitModel, use: Use) -> float:
    """The share of keys and values that each device keeps: heads are divided, a latent vector is not."""
    if model.cache is None or model.cache.latent:
        return 1.0
    return 1 / max(1, min(use.parallel, model.cache.heads))
