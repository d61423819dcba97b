"""How far a correct result may lie from the float64 one: from the unit round-off and the length of the reduction.

A sum of n products, each partial sum of it rounded with unit round-off u, is off by at most nu/(1-nu) times the sum of
the products' magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). Where the
roundings are independent, the square root of n takes the place of n (Higham and Mary, A new approach to probabilistic
rounding error analysis, SIAM J. Sci. Comput. 41, 2019, theorem 3.1), and the root of the sum of squared products that
of the sum of magnitudes, as the products' signs are random here. Hardware that multiplies short types adds up in a
longer one, and rounds once more at the end (Blanchard, Higham, Lopez, Mary and Pranesh, Mixed precision block fused
multiply-add, SIAM J. Sci. Comput. 42, 2020). Softmax: Blanchard, Higham and Higham, Accurately computing the
log-sum-exp and softmax functions, IMA J. Numer. Anal. 41, 2021.
"""

from __future__ import annotations

import math
from typing import Any

UNITS = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-11,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float8": 2.0**-4,
}
"""Unit round-off of each type: half the distance from 1 to the next number."""
SUMS = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-24,
    "float16": 2.0**-11,  # processors without a longer accumulator add up in it
    "bfloat16": 2.0**-24,
    "float8": 2.0**-13,  # Hopper keeps some 14 bits of a sum: DeepSeek-V3 technical report, section 3.3.2
}
"""Unit round-off of the type that sums of products are kept in."""
OUTPUTS = {**UNITS, "tf32": 2.0**-24, "float8": 2.0**-8}
"""Unit round-off of the type that results are stored in: float32 for tf32, bfloat16 for float8."""
SURE = 8.0
"""Standard deviations that are allowed: the largest of some thousand independent errors lies at four."""
PARTIAL = 4.0
"""Partial sums of a short type that a kernel may store in that type while it splits a long reduction."""
FAST_CONVOLUTION = 16.0
"""What Winograd's and Fourier's way of convolving lose (Barabasz et al., Error analysis and improving the accuracy of
Winograd convolution, ACM Trans. Math. Softw. 46, 2020)."""
TINY = {"float16": 2.0**-24, "float64": 1e-300}
"""The smallest number of a type above zero, where it matters."""


def _tiny(dtype: str) -> float:
    return TINY.get(dtype, 1e-37)


def product(xp: Any, value: Any, scale: Any, length: int, dtype: str, algorithm: float = 1.0) -> Any:
    """The bound for sums of products: `scale` is the root of the sum of squared products of each."""
    bound = OUTPUTS[dtype] * xp.abs(value) + SURE * math.sqrt(length) * SUMS[dtype] * algorithm * scale
    if dtype in ("float16", "bfloat16", "float8"):
        bound = bound + PARTIAL * OUTPUTS[dtype] * scale
    if dtype == "tf32":  # the inputs are rounded to it
        bound = bound + SURE * math.sqrt(2.0) * UNITS[dtype] * scale
    return bound + _tiny(dtype)


def normalised(xp: Any, value: Any, length: int, dtype: str) -> Any:
    """The bound for layer normalisation of rows of so many elements."""
    unit = OUTPUTS[dtype]
    sums = max(SUMS["float32"], SUMS[dtype]) if dtype != "float16" else SUMS["float32"]
    sums = SUMS["float64"] if dtype == "float64" else sums
    return (PARTIAL * unit + SURE * math.sqrt(length) * sums) * (xp.abs(value) + 1.0) + _tiny(dtype)


def softmax(value: Any, distance: Any, length: int, dtype: str) -> Any:
    """The bound for softmax: `distance` is how far each element lies below the largest of its row."""
    unit = OUTPUTS[dtype]
    sums = SUMS["float64"] if dtype == "float64" else SUMS["float32"]
    return value * (unit * (distance + PARTIAL) + SURE * math.sqrt(length) * sums) + _tiny(dtype)


def attention(xp: Any, value: Any, scale: Any, largest: float, length: int, head: int, dtype: str) -> Any:
    """The bound for attention: `scale` is the root of the sum of squared weighted values, `largest` the largest score.

    Scores and weights may be rounded to the type on their way, as a kernel that is not fused does.
    """
    unit, sums = UNITS[dtype], SUMS[dtype]
    lost = unit * (largest + PARTIAL) + (math.sqrt(length) + math.sqrt(head)) * sums
    return PARTIAL * OUTPUTS[dtype] * xp.abs(value) + SURE * lost * scale + _tiny(dtype)
