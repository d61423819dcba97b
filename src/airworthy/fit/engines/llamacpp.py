"""llama.cpp: weights mapped, keys and values allocated whole, and the buffers of the largest graph.

The graph's buffer holds what is alive at the same time at its widest place (ggml/src/ggml-alloc.c): in attention the
scores where flash attention is off, in the feed-forward part its three matrices' outputs, at the end the scores of all
tokens that may be asked for. Since llama.cpp#23861 (June 2026) a server asks for one token of each sequence only.
"""

from __future__ import annotations

from airworthy.core.messages import say
from airworthy.core.values import ModelShape
from airworthy.fit.engines import shared
from airworthy.fit.parts import DEVICE, HOST, MIB, Interval, MemoryEstimate, Part, exactly
from airworthy.fit.question import FitModel, Use
from airworthy.knowledge import cache as attention

PROCESS = 52 * MIB
"""A worker process with the library, before the model: measured (xllamacpp 2026.10, x86-64)."""
VOCABULARY_ENTRY = 400
"""Bytes that a token of the vocabulary takes: its text, its place in two tables, its merges."""
WIDEST = 2.5
"""How far apart the bounds of the buffers may be before the lower one is raised: both regimes at once say nothing."""
_FLOAT = 4


def memory(model: FitModel, use: Use) -> MemoryEstimate:
    """What a model takes."""
    place = DEVICE if use.accelerator else HOST
    devices = max(1, use.devices)
    parts = [*_weights(model, use), *shared.cache(model, use, place=place, block=attention.BLOCK, share=1 / devices)]
    shape = model.shape
    assumed: tuple[str, ...] = ()
    if shape is not None and shape.embedding:
        assumed = shape.assumed
        parts += [
            Part(
                name="compute",
                place=place,
                size=compute(shape, model, use),
                basis=say("the largest graph of {tokens} tokens at once", tokens=use.ubatch),
            ),
            Part(
                name="outputs",
                place=HOST,
                size=exactly(max(1, use.users) * shape.vocabulary * _FLOAT),
                basis=say("scores of one token of each request"),
            ),
        ]
    else:
        size = (model.weights or Interval(0, 0, 0)).point
        compute_size = Interval(0.01 * size, 0.04 * size, 0.15 * size)
        parts.append(Part(name="compute", place=place, size=compute_size, basis=say("a share of the weights")))
        assumed = (say("nothing reports the sizes of the network: its buffers are a share of its weights"),)
    vocabulary = (shape.vocabulary if shape is not None else 0) * VOCABULARY_ENTRY
    parts.append(shared.process(PROCESS + vocabulary, say("the library, and the tables of the vocabulary")))
    if use.accelerator:
        parts.append(shared.context_of_device())
    return MemoryEstimate(engine="llamacpp", parts=tuple(parts), assumed=assumed)


def _weights(model: FitModel, use: Use) -> list[Part]:
    if not use.accelerator:
        return [shared.weights(model, place=HOST, mapped=True, why=say("{why}, mapped", why=model.weights_basis))]
    size = model.weights or Interval(0, 0, 0)
    shape = model.shape
    embedding = 0.0
    if shape is not None and not shape.tied and model.parameters:
        # The first matrix is read by rows, which the processor does.
        embedding = min(0.5, shape.vocabulary * shape.embedding / model.parameters)
    share = (1 - embedding) / max(1, use.devices)
    return [
        shared.weights(model, place=DEVICE, share=share, why=say("{why}, copied", why=model.weights_basis)),
        Part(
            name="weights",
            place=HOST,
            size=size.times(embedding),
            basis=say("the first matrix stays with the processor"),
            mapped=True,
        ),
    ]


def compute(shape: ModelShape, model: FitModel, use: Use) -> Interval:
    """Bytes of the buffers of the largest graph."""
    least, likely, most = (
        _graph(shape, model, use, all_outputs=outputs, flash=flash, wide=wide)
        for outputs, flash, wide in (
            (use.all_outputs is True, use.flash is not False, False),
            (use.all_outputs is not False and not _is_recent(use), use.flash is not False, False),
            (use.all_outputs is not False, use.flash is True or (use.flash is None and _flash(model)), True),
        )
    )
    scratch = _dequantised(model, use)
    low, high = 0.85 * least + scratch.low, 1.1 * most + scratch.high
    low = max(low, high / WIDEST)
    return Interval(low, min(max(likely + scratch.point, low), high), high)


def _is_recent(use: Use) -> bool:
    return use.all_outputs is None and not use.accelerator


def _flash(model: FitModel) -> bool:
    """Whether it is on where nothing says: by default wherever a kernel takes the heads."""
    return not (model.cache is not None and model.cache.latent)


def _graph(shape: ModelShape, model: FitModel, use: Use, *, all_outputs: bool, flash: bool, wide: bool) -> float:
    """Bytes alive at the widest place of a graph."""
    tokens, width = use.ubatch, shape.embedding
    cells = 0
    mask = 0.0
    cache = model.cache
    if cache is not None:
        stores = max(1, use.users)
        cells = -(-use.context // attention.BLOCK) * attention.BLOCK
        seen = min(cells, cache.window * (stores if use.unified else 1) + tokens) if cache.windowed else 0
        one = 2 if flash and not wide else _FLOAT + (2 if flash else 0)
        if not flash:
            one = _FLOAT
        mask = tokens * one * ((cells if cache.layers else 0) + seen)
        cells = cells if cache.layers else seen
    # With a pipeline over several devices the inputs are there several times.
    copies = 2 if wide and use.devices > 1 and not flash else 1
    head = shape.head_size or width // max(1, shape.heads)
    queries = shape.heads * head
    activation = tokens * _FLOAT
    heads_out = (2 * queries if cache is not None and cache.latent else queries) + 3 * width
    looking = activation * heads_out
    if not flash:
        looking += activation * shape.heads * cells
    feeding = activation * (_feed_forward(shape, wide) + (4 if wide else 3) * width)
    stateful = (
        activation * (12 if wide else 6) * shape.recurrent_width if cache is not None and cache.recurrent else 0.0
    )
    outputs = tokens if all_outputs else min(tokens, max(1, use.users))
    ending = outputs * _FLOAT * (shape.vocabulary + width)
    return max(mask * copies + max(looking, feeding, stateful + activation * 2 * width), ending)


def _feed_forward(shape: ModelShape, wide: bool) -> float:
    """Numbers of a token that are alive within a feed-forward part."""
    alive = 3 if shape.gated else 2
    if not shape.experts:
        return (alive if wide else alive - 0.5) * shape.feed_forward
    used = max(1, shape.experts_used)
    return used * (alive * shape.feed_forward + shape.embedding) + alive * shape.expert_shared + 2 * shape.experts


def _dequantised(model: FitModel, use: Use) -> Interval:
    """Copies in 16 bits of a layer's quantised keys and values, which some kernels compute with."""
    cache = model.cache
    plain = ("f16", "bf16", "fp16", "f32")
    if cache is None or not cache.layers or not use.accelerator:
        return Interval(0, 0, 0)
    if use.key_type in plain and use.value_type in plain:
        return Interval(0, 0, 0)
    cells = -(-use.context // attention.BLOCK) * attention.BLOCK
    layer = cells * attention.numbers(cache) * 2.0
    mixed = use.key_type != use.value_type
    return Interval((1.0 if mixed else 0.0) * layer, (2.4 if mixed else 0.5) * layer, (2.8 if mixed else 1.5) * layer)
