"""Bytes of weights from the number of parameters and the way they are stored, and that number from the shape."""

from __future__ import annotations

import re

from airworthy.core.messages import say
from airworthy.core.values import AttentionCache, ModelShape
from airworthy.fit.parts import Interval, around
from airworthy.knowledge.precisions import Precision, precision

_SIZE = re.compile(r"(?<![a-z0-9.])(\d{1,4}(?:\.\d{1,3})?)\s?([bm])(?![a-z0-9])", re.IGNORECASE)
_BITS = re.compile(r"(?<![\d.])(\d(?:\.\d+)?)\s?-?\s?(?:bits?|bpw)", re.IGNORECASE)


def parameters_in_name(name: str) -> float | None:
    """The number of parameters that a name states, `Llama-3.1-8B`; None where it states none."""
    found = [float(number) * (1e9 if unit.lower() == "b" else 1e6) for number, unit in _SIZE.findall(name[:200])]
    return max(found, default=None)


def count_parameters(shape: ModelShape, cache: AttentionCache | None) -> float | None:
    """The number of parameters of a transformer with this shape, norms left out; None where sizes are missing."""
    if not (shape.layers and shape.embedding and shape.feed_forward and shape.heads):
        return None
    width = shape.embedding
    queries = shape.heads * (shape.head_size or width // shape.heads)
    keys = 2 * cache.heads * cache.head_size if cache is not None and cache.heads and not cache.latent else 2 * queries
    attention = width * (2 * queries + keys)
    matrices = 3 if shape.gated else 2
    feeding = matrices * width * shape.feed_forward
    if shape.experts:
        feeding = feeding * shape.experts + matrices * width * shape.expert_shared + width * shape.experts
    ends = shape.vocabulary * width * (1 if shape.tied else 2)
    return float(shape.layers * (attention + feeding) + ends)


def bits(text: str) -> tuple[float, Precision | None] | None:
    """Bits of a weight by the name of a way to store it, or by a number in it; None where it says neither."""
    row = precision(text)
    if row is not None:
        return row.bits, row
    found = _BITS.search(text)
    return (float(found[1]), None) if found else None


def stored(
    parameters: float, text: str, *, counted: bool, shape: ModelShape | None = None
) -> tuple[Interval, str] | None:
    """The bytes of so many parameters, and what they are from.

    Args:
        parameters: how many there are.
        text: how they are stored.
        counted: whether the number is exact, and not read from a name or worked out of sizes.
        shape: the sizes, by which the first and the last matrix are known that some ways leave as they are.
    """
    found = bits(text)
    if found is None:
        return None
    each, row = found
    ends = 0.0
    if shape is not None and (row is None or row.ends) and each < 16:
        ends = min(0.6 * parameters, shape.vocabulary * shape.embedding * (1.0 if shape.tied else 2.0))
    if ends and (row is not None or "bit" in text.lower()):
        width = row.ends if row is not None else 16
        size = (parameters - ends) * each / 8 + ends * width / 8
        template = "{count:count} parameters of {bits:g} bits ({text}), the first and the last matrix of {width}"
        basis = say(template, count=parameters, bits=each, text=text, width=width)
        return around(size, 0.08, 0.1), basis
    basis = say("{count:count} parameters of {bits:g} bits ({text})", count=parameters, bits=each, text=text)
    spread = 0.005 if counted and (row is None or row.exact) else 0.08
    return around(parameters * each / 8, spread, spread), basis
