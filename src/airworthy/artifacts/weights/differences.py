"""A model's tensors against those of a reference: what is missing, what is of another shape, how far numbers differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from airworthy.artifacts.encodings.elements import Array, decode, unit
from airworthy.artifacts.formats.stored import Stored
from airworthy.core.messages import say
from airworthy.core.values import WeightFault

PIECE = 1 << 20
"""Elements that are compared at a time."""
NEAR = 1e-6
"""The largest relative difference that is not reported: what a conversion between types and back leaves is larger."""


class TensorDifference(msgspec.Struct, frozen=True):
    """How one tensor differs from its reference."""

    name: str
    """Its name."""
    largest: float
    """The largest absolute difference of two elements."""
    mean: float
    """The mean absolute difference."""
    relative: float
    """The length of the difference, over the length of the reference; 0 when both are the same."""


def differ(
    stored: Sequence[Stored], reference: Sequence[Stored], mapping: Mapping[str, str] | None = None
) -> tuple[list[TensorDifference], list[WeightFault]]:
    """Compare the numbers of tensors that both have, by name. Which names and sizes differ is reported by `fitting`.

    Args:
        stored: our tensors.
        reference: those that they are compared with.
        mapping: what the reference calls some of ours.

    Raises:
        OSError: a file can't be read.
    """
    theirs = {each.name: each for each in reference}
    differences: list[TensorDifference] = []
    faults: list[WeightFault] = []
    for each in stored:
        name = each.name
        other = theirs.get((mapping or {}).get(name, name))
        if other is None or each.shape != other.shape:
            continue
        if (found := _difference(each, other)) is not None:
            differences.append(found)
            if found.relative > NEAR:
                template = "it differs by {relative:.2%} of its length, in one number by {largest:.3g}"
                detail = say(template, relative=found.relative, largest=found.largest)
                faults.append(WeightFault(member=each.path.name, tensor=name, kind="differs", detail=detail))
    return differences, sorted(faults, key=lambda fault: (fault.kind, fault.tensor))


def _difference(one: Stored, other: Stored) -> TensorDifference | None:
    elements = math.prod(one.shape)
    largest = total = squares = length = 0.0
    for ours, theirs in zip(_pieces(one), _pieces(other), strict=True):
        if ours is None or theirs is None:
            return None
        with np.errstate(all="ignore"):
            difference = np.abs(ours.astype(np.float64) - theirs)
            # Two values that are both none, or both infinite alike, are the same.
            difference[np.isnan(ours) & np.isnan(theirs) | (ours == theirs)] = 0
            difference[np.isnan(difference)] = math.inf
            largest = max(largest, float(difference.max(initial=0)))
            total += float(difference.sum())
            squares += float((difference * difference).sum())
            known = theirs[np.isfinite(theirs)].astype(np.float64)
            length += float((known * known).sum())
    relative = math.sqrt(squares / length) if length and math.isfinite(squares) else (math.inf if squares else 0.0)
    return TensorDifference(one.name, largest, total / elements if elements else 0.0, relative)


def _pieces(stored: Stored) -> Iterator[Array | None]:
    """The numbers of a tensor, so many at a time; None for a tensor that can't be worked out."""
    known = unit(stored.datatype)
    if known is None or stored.packed or stored.note:
        yield None
        return
    elements, size = known
    step = PIECE // elements * size
    with stored.path.open("rb", buffering=0) as file:
        for at in range(0, stored.size, step):
            file.seek(stored.offset + at)
            raw = np.frombuffer(file.read(min(step, stored.size - at)), np.uint8)
            if stored.big_endian and size > 1:
                raw = np.ascontiguousarray(raw.reshape(-1, size)[:, ::-1]).reshape(-1)
            # Scales alone are no numbers to compare: they stand for other elements.
            values = decode(stored.datatype, raw)
            yield values if values.size * size == raw.size * elements else None
