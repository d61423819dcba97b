"""The sizes that symbolic axes are taken for, so that arithmetic can be counted."""

from __future__ import annotations

import re

from airworthy.core.graph import Graph

BATCH, LENGTH, SIDE = 1, 128, 224
"""What an axis is taken for that varies: the first one, one of text, one of an image."""
_BATCH = re.compile(r"batch|^n$|^b$", re.IGNORECASE)
_SIDE = re.compile(r"height|width|^h$|^w$", re.IGNORECASE)


def assumed(graph: Graph, given: dict[str, int]) -> dict[str, int]:
    """A size for every symbol of a graph's inputs, and for axes without a name as `INPUT.AXIS`.

    What the user gave wins, by the symbol or by `INPUT.AXIS`.
    """
    sizes: dict[str, int] = {}
    for name in graph.inputs:
        value = graph.values.get(name)
        if value is None or value.shape is None:
            continue
        for axis, size in enumerate(value.shape):
            if size >= 0:
                continue
            symbol = value.symbols[axis] if axis < len(value.symbols) else ""
            key = symbol or f"{name}.{axis}"
            sizes[key] = given.get(key, sizes.get(key, _default(symbol, axis, len(value.shape))))
    return sizes


def _default(symbol: str, axis: int, rank: int) -> int:
    if _BATCH.search(symbol) or (axis == 0 and not _SIDE.search(symbol)):
        return BATCH
    if _SIDE.search(symbol) or (rank == 4 and axis >= 2):
        return SIDE
    return LENGTH
