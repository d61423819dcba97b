"""OpenVINO on the processor: weights mapped from its own format, repacked for the kernels, and a cache of pages.

A GGUF file is rewritten while it loads, so that its weights are there more than once for a moment.
"""

from __future__ import annotations

from airworthy.core.messages import say
from airworthy.fit import activations
from airworthy.fit.engines import shared
from airworthy.fit.parts import HOST, MIB, Interval, MemoryEstimate, Part
from airworthy.fit.question import FitModel, Use

PROCESS = 160 * MIB
"""A process with the libraries, the tokenizer and the compiled graph, without weights: measured (2026.4)."""
PAGE = 32
"""Tokens of a block of its cache on a processor."""
PIECE = 256
"""Tokens of a prompt that are read at once."""
REPACKED = Interval(0.6, 1.0, 1.6)
"""The copies that its kernels compute with, as a share of the weights."""
LOADING = Interval(0.5, 2.0, 4.0)
"""What rewriting a GGUF file takes besides, as a share of its weights."""


def memory(model: FitModel, use: Use) -> MemoryEstimate:
    """What a model takes."""
    size = (model.weights or Interval(0, 0, 0)).point
    parts = [
        shared.weights(model, place=HOST, mapped=model.format != "gguf"),
        Part(name="packed", place=HOST, size=REPACKED.times(size), basis=say("weights repacked for the kernels")),
        *shared.cache(model, use, place=HOST, block=PAGE),
        shared.process(PROCESS, say("the libraries and the tokenizer"), 0.3, 0.6),
    ]
    if model.format == "gguf":
        basis = say("the file is rewritten as a graph of its own")
        parts.append(Part(name="load", place=HOST, size=LOADING.times(size), basis=basis, passing=True))
    assumed: tuple[str, ...] = ()
    if model.shape is not None and model.shape.embedding:
        assumed = model.shape.assumed
        piece = min(use.context, PIECE)
        amount = 3.0 * activations.block(model.shape, 1, piece, fused=True) + activations.scores(model.shape, 1, piece)
        parts.append(
            Part(
                name="compute",
                place=HOST,
                size=Interval(0.5 * amount, amount, 2.0 * amount),
                basis=say("a piece of a prompt through a block, and the scores of its tokens"),
            )
        )
    return MemoryEstimate(engine="openvino", parts=tuple(parts), assumed=assumed)
