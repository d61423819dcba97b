"""How far two answers to one request lie apart."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.serve.tensors import FLOATS, Tensor, is_finite, unpack


def difference(old: Sequence[Tensor], new: Sequence[Tensor]) -> float | None:
    """The largest difference between two answers, relative to the largest value of the old one.

    Args:
        old: the outputs of the version before.
        new: those of the new one.

    Returns:
        0 for equal answers; None where names, types or shapes are others, or a value is NaN in one of them alone.
    """
    before = {tensor.meta.name: tensor for tensor in old}
    after = {tensor.meta.name: tensor for tensor in new}
    if before.keys() != after.keys():
        return None
    found = [_difference(before[name], after[name]) for name in before]
    return None if any(each is None for each in found) else max((each or 0.0 for each in found), default=0.0)


def _difference(old: Tensor, new: Tensor) -> float | None:
    kind = old.meta.datatype
    if kind != new.meta.datatype or tuple(old.meta.shape) != tuple(new.meta.shape):
        return None
    if bytes(old.data) == bytes(new.data):
        return 0.0
    if kind == "BYTES":
        return 1.0
    if kind in FLOATS and not (is_finite(kind, old.data) and is_finite(kind, new.data)):
        return None
    first, second = unpack(kind, old.data), unpack(kind, new.data)
    scale = max(map(abs, first), default=0.0)
    return float(max(abs(a - b) for a, b in zip(first, second, strict=True)) / (scale or 1.0))


def all_finite(outputs: Sequence[Tensor]) -> bool:
    """Whether no output holds NaN or infinity."""
    return all(is_finite(tensor.meta.datatype, tensor.data) for tensor in outputs)
