"""ONNX Runtime: reads the whole file, packs matrices anew for its kernels, and keeps what runs need in an arena.

Measured with release 1.32 on x86-64 (benchmarks/fit_memory.py): at the end of loading 1.6 times the weights were there,
afterwards 1.1 to 1.4 times, since memory that packing freed is not all given back.
"""

from __future__ import annotations

from airworthy.core.messages import say
from airworthy.fit import activations
from airworthy.fit.engines import shared
from airworthy.fit.parts import DEVICE, HOST, MIB, Interval, MemoryEstimate, Part
from airworthy.fit.question import FitModel, Use

PROCESS = 58 * MIB
"""A process with the library and NumPy, before the model."""
LOADING = Interval(0.45, 0.6, 1.1)
"""What loading takes besides, as a share of the weights: the file as it was read, and matrices before packing."""
LOADING_BESIDE = Interval(0.0, 0.01, 0.3)
"""The same where weights lie beside the graph, and are mapped."""
PACKED = Interval(0.0, 0.57, 0.42)
"""What stays of it: at least, likely less the share of the table of words, which is not packed, and at most."""
PACKED_BESIDE = Interval(-0.15, -0.08, 0.1)
"""What stays where weights are mapped: less than all, since a table of words is read by rows."""
BLOCK = Interval(1.0, 2.2, 3.5)
"""How much of a block's activations the arena holds: it grows in powers of two and gives nothing back."""
OUTPUTS = Interval(1.8, 2.05, 2.3)
"""How often the outputs are there: in the arena, and as the caller's array."""
LENGTH = 128
"""Tokens of a text, where nothing says how many."""


def memory(model: FitModel, use: Use) -> MemoryEstimate:
    """What a model takes when `use.users` texts of `use.context` tokens run together."""
    place = DEVICE if use.accelerator else HOST
    size = (model.weights or Interval(0, 0, 0)).point
    parts = [
        shared.weights(model, place=place),
        Part(
            name="packed",
            place=place,
            size=(_packed(model, size) if model.embedded else PACKED_BESIDE).times(size),
            basis=say("matrices packed for the kernels"),
        ),
        Part(
            name="load",
            place=HOST,
            size=(LOADING if model.embedded else LOADING_BESIDE).times(size),
            basis=say("the file while it is read"),
            passing=True,
        ),
        shared.process(PROCESS, say("the library and NumPy"), 0.2, 0.3),
    ]
    assumed: tuple[str, ...] = ()
    if model.activations is not None:
        parts.append(
            Part(name="compute", place=place, size=model.activations.times(max(1, use.users)), basis=say("its graph"))
        )
    elif model.shape is not None and model.shape.embedding:
        assumed = model.shape.assumed
        rows, length = max(1, use.users), min(use.context, model.shape.longest or use.context)
        block = BLOCK.times(activations.block(model.shape, rows, length))
        outputs = activations.scores(model.shape, rows, length) + rows * length * model.shape.embedding * 4.0
        basis = say("{rows} x {length} tokens through a block, and the outputs", rows=rows, length=length)
        parts.append(Part(name="compute", place=place, size=block + OUTPUTS.times(outputs), basis=basis))
    else:
        parts.append(
            Part(name="compute", place=place, size=Interval(0.02 * size, 0.2 * size, size), basis=say("a share"))
        )
        assumed = (say("nothing reports the sizes of the network: its activations are a share of its weights"),)
    if use.accelerator:
        parts.append(shared.context_of_device())
    return MemoryEstimate(engine="onnxruntime", parts=tuple(parts), assumed=assumed)


def _packed(model: FitModel, size: float) -> Interval:
    shape = model.shape
    words = 4.0 * shape.vocabulary * shape.embedding / max(size, 1.0) if shape is not None else 0.28
    return Interval(PACKED.low, min(max(PACKED.point - words, 0.0), PACKED.high), PACKED.high)
