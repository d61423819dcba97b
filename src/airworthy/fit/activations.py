"""Bytes that a run of a transformer holds between its operations, by its shape, its rows and their length."""

from __future__ import annotations

from airworthy.core.values import ModelShape

FLOAT = 4


def block(shape: ModelShape, rows: int, length: int, *, width: int = FLOAT, fused: bool = False) -> float:
    """What is alive within one block at its widest place.

    Args:
        shape: the sizes.
        rows: inputs that run together.
        length: tokens of each, padding counted.
        width: bytes of a number.
        fused: whether attention is computed without storing its scores.
    """
    tokens = float(rows * length * width)
    looking = tokens * 5 * shape.embedding
    if not fused:
        looking += 2.0 * rows * shape.heads * length * length * width
    feeding = tokens * ((3 if shape.gated else 2) * shape.feed_forward + 2 * shape.embedding)
    return max(looking, feeding)


def scores(shape: ModelShape, rows: int, length: int, *, width: int = FLOAT) -> float:
    """The scores of all tokens of a decoder that computes them for each; nothing for an encoder."""
    return rows * length * shape.vocabulary * width if shape.kind == "decoder" else 0.0
