"""The same operations in float64, on parts of the data, and how far a result lies from them in units of its bound.

`xp` is `numpy` or `torch`: both have the few functions that are used here under the same names.
"""

from __future__ import annotations

import math
from typing import Any

from . import bounds

Judged = tuple[float, float]
"""The largest error in units of its bound, and the largest error."""


def sample(size: int, count: int) -> list[int]:
    """So many places from 0 to size, the first and the last among them, at every offset within a tile."""
    if size <= count:
        return list(range(size))
    step = (size - 1) / (count - 1)
    return sorted({min(size - 1, round(number * step)) for number in range(count)})


def _judged(xp: Any, got: Any, wanted: Any, bound: Any) -> Judged:
    error = xp.abs(got - wanted)
    ratio, largest = float((error / bound).max()), float(error.max())
    # Not a number compares as false with everything, and is as wrong as can be.
    return (ratio if ratio == ratio else math.inf), (largest if largest == largest else math.inf)


def product(xp: Any, a: Any, b: Any, got: Any, dtype: str) -> Judged:
    """A matrix product."""
    wanted = a @ b
    scale = xp.sqrt((a * a) @ (b * b))
    return _judged(xp, got, wanted, bounds.product(xp, wanted, scale, a.shape[-1], dtype))


def convolution(xp: Any, x: Any, weight: Any, got: Any, dtype: str) -> Judged:
    """A two-dimensional convolution without padding, in the order batch, channel, row, column."""
    height, width = x.shape[2] - weight.shape[2] + 1, x.shape[3] - weight.shape[3] + 1
    wanted: Any = 0.0
    squares: Any = 0.0
    for row in range(weight.shape[2]):
        for column in range(weight.shape[3]):
            part = x[:, :, row : row + height, column : column + width]
            taps = weight[:, :, row, column]
            wanted = wanted + xp.einsum("bchw,oc->bohw", part, taps)
            squares = squares + xp.einsum("bchw,oc->bohw", part * part, taps * taps)
    length = weight.shape[1] * weight.shape[2] * weight.shape[3]
    bound = bounds.product(xp, wanted, xp.sqrt(squares), length, dtype, bounds.FAST_CONVOLUTION)
    return _judged(xp, got, wanted, bound)


def layer_norm(xp: Any, x: Any, weight: Any, bias: Any, epsilon: float, got: Any, dtype: str) -> Judged:
    """Layer normalisation of rows."""
    centred = x - x.mean(-1)[:, None]
    plain = centred / xp.sqrt((centred * centred).mean(-1)[:, None] + epsilon)
    wanted = plain * weight + bias
    bound = bounds.normalised(xp, wanted, x.shape[-1], dtype)
    return _judged(xp, got, wanted, bound)


def softmax(xp: Any, x: Any, got: Any, dtype: str) -> Judged:
    """Softmax of rows."""
    distance = xp.amax(x, -1)[:, None] - x
    power = xp.exp(-distance)
    wanted = power / power.sum(-1)[:, None]
    return _judged(xp, got, wanted, bounds.softmax(wanted, distance, x.shape[-1], dtype))


def attention(xp: Any, query: Any, key: Any, value: Any, got: Any, dtype: str) -> Judged:
    """Attention of one head; the queries may be a part of them."""
    scores = query @ key.T / math.sqrt(query.shape[-1])
    power = xp.exp(scores - xp.amax(scores, -1)[:, None])
    weights = power / power.sum(-1)[:, None]
    wanted = weights @ value
    scale = xp.sqrt((weights * weights) @ (value * value))
    largest = float(xp.abs(scores).max())
    bound = bounds.attention(xp, wanted, scale, largest, key.shape[0], key.shape[1], dtype)
    return _judged(xp, got, wanted, bound)
