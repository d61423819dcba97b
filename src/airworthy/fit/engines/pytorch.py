"""PyTorch with transformers: weights mapped or copied, activations of a block at a time, scores at the end.

On a device the caching allocator keeps what was freed, in blocks of several sizes: fragmentation.
"""

from __future__ import annotations

import msgspec

from airworthy.core.messages import say
from airworthy.fit import activations
from airworthy.fit.engines import shared
from airworthy.fit.parts import DEVICE, HOST, MIB, Interval, MemoryEstimate, Part
from airworthy.fit.question import FitModel, Use

PROCESS = 310 * MIB
"""A process with PyTorch and transformers, before the model: measured (torch 2.13, transformers 5.24, CPU)."""
BLOCK = Interval(0.8, 1.8, 3.0)
"""How much of a block's activations is there at a time."""
SCORES = Interval(1.0, 1.1, 2.2)
"""How often the scores of all tokens are there; twice where they are made 32 bits wide."""
FRAGMENTS = Interval(0.0, 0.05, 0.2)
"""What a device's allocator keeps beside, as a share of the activations and the cache."""


def memory(model: FitModel, use: Use) -> MemoryEstimate:
    """What a model takes when `use.users` requests of `use.context` tokens run together."""
    place = DEVICE if use.accelerator else HOST
    width = 2 if use.accelerator else 4
    parts = [
        _weights(model, use),
        *shared.cache(model, use, place=place, block=1),
        shared.process(PROCESS, say("Python with PyTorch and transformers"), 0.15, 0.25),
    ]
    loading = float(model.largest_shard or (model.weights.point if model.weights is not None else 0.0))
    basis = say("a file is mapped; its tensors are copied where the type or the place is another")
    likely = loading if use.accelerator else 0.0
    parts.append(Part(name="load", place=HOST, size=Interval(0.0, likely, loading), basis=basis, passing=True))
    assumed: tuple[str, ...] = ()
    if model.shape is not None and model.shape.embedding:
        assumed = model.shape.assumed
        rows, length = max(1, use.users), min(use.context, model.shape.longest or use.context)
        block = activations.block(model.shape, rows, length, width=width, fused=True)
        scores = SCORES.times(activations.scores(model.shape, rows, length, width=width))
        compute = BLOCK.times(block) + scores
        basis = say("{rows} x {length} tokens through a block, and the scores", rows=rows, length=length)
        parts.append(Part(name="compute", place=place, size=compute, basis=basis))
        if use.accelerator:
            parts.append(
                Part(
                    name="fragmentation",
                    place=DEVICE,
                    size=FRAGMENTS.times(compute.point),
                    basis=say("blocks that the allocator keeps"),
                )
            )
    if use.accelerator:
        parts.append(shared.context_of_device())
    return MemoryEstimate(engine="pytorch", parts=tuple(parts), assumed=assumed)


def _weights(model: FitModel, use: Use) -> Part:
    """The weights; of a table of words that is mapped, only the rows that were read are resident."""
    if use.accelerator:
        return shared.weights(model, place=DEVICE, share=1 / max(1, use.devices))
    part = shared.weights(model, place=HOST, mapped=True, why=say("{why}, mapped", why=model.weights_basis))
    if model.shape is None or not model.parameters or model.shape.tied:
        return part
    words = part.size.point * min(0.7, model.shape.vocabulary * model.shape.embedding / model.parameters)
    size = Interval(max(0.0, part.size.low - words), part.size.point - 0.5 * words, part.size.high)
    return msgspec.structs.replace(part, size=size)
