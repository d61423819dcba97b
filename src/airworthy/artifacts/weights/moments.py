"""Mean and standard deviation of a piece of numbers: quickly where that is exact enough, else in two passes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from airworthy.artifacts.encodings.elements import Array

_ROW = 2048
"""Numbers whose 32-bit sums are taken at once: few enough for a rounding error of some 1e-7."""
_ones = np.ones(_ROW, dtype=np.float32)
_dots: Callable[[Array, Array], Array] = getattr(np, "vecdot", None) or (lambda a, b: np.einsum("...i,...i->...", a, b))
# Within this range squares neither overflow nor vanish in 64 bits; in 32 bits the lower one holds too.
_SMALL, _LARGE = 1e-140, 1e140
_SMALL_SINGLE, _LARGE_SINGLE = 1e-15, 1e15
_CANCELS = 0.9


def moments_of(values: Array, low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of finite floats, of which there is at least one.

    Args:
        values: one-dimensional, of 32 or 64 bits.
        low: the smallest.
        high: the largest.
    """
    if low == high:
        return low, 0.0
    reach = max(abs(low), abs(high))
    if values.dtype == np.float32 and _SMALL_SINGLE < reach < _LARGE_SINGLE:
        total, squares = _sums(values)
        mean = total / values.size
        # Where the mean takes up most of the squares, little of their digits is left for the deviation.
        if total * mean < _CANCELS * squares:
            return mean, math.sqrt(squares / values.size - mean * mean)
    wide = values.astype(np.float64)
    scale = 1.0 if _SMALL < reach < _LARGE else 2.0 ** -math.frexp(reach)[1]
    if scale == math.inf:  # the smallest subnormal numbers
        scale = 2.0**1000
    if scale != 1.0:
        wide *= scale
    mean = float(wide.mean())
    wide -= mean
    return mean / scale, math.sqrt(float(np.dot(wide, wide)) / wide.size) / scale


def moments_of_whole(values: Array, low: int, high: int) -> tuple[int, float]:
    """The exact sum of whole numbers, and their standard deviation.

    Args:
        values: one-dimensional, of up to 64 bits.
        low: the smallest.
        high: the largest.
    """
    if low == high:
        return low * values.size, 0.0
    kind, size = values.dtype.type, values.size
    if max(abs(low), abs(high)) * size < 1 << 63:
        total = int(values.sum(dtype=np.uint64 if low >= 0 and values.dtype.kind == "u" else np.int64))
    else:  # halves, whose sums can't overflow
        total = (int((values >> kind(32)).sum()) << 32) + int((values & kind(0xFFFFFFFF)).sum())
    center = total // size
    if high - low < 1 << 52 and low < 1 << 62:
        wide = (values.astype(np.int64, copy=False) - np.int64(center)).astype(np.float64)
        rest = (total - center * size) / size
    else:
        wide = values.astype(np.float64)
        rest = float(wide.mean())
        wide -= rest
        rest = 0.0
    return total, math.sqrt(max(float(np.dot(wide, wide)) / size - rest * rest, 0.0))


def _sums(values: Array) -> tuple[float, float]:
    """Sum and sum of squares of 32-bit numbers, in rows short enough for the library below to stay exact."""
    whole = values.size // _ROW * _ROW
    rows, rest = values[:whole].reshape(-1, _ROW), values[whole:].astype(np.float64)
    total, squares = float(rest.sum()), float(np.dot(rest, rest))
    if whole:
        total += float(_dots(rows, _ones).sum(dtype=np.float64))
        squares += float(_dots(rows, rows).sum(dtype=np.float64))
    return total, squares
