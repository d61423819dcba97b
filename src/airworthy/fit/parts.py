"""Amounts of memory as intervals, and the parts that a process's memory is made of, each with its basis."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

MIB = 1 << 20
"""Bytes of a mebibyte."""
HOST, DEVICE = "host", "device"
"""Where a part lies."""


class Interval(msgspec.Struct, frozen=True):
    """An amount that is known to lie between two others."""

    low: float
    """At least."""
    point: float
    """Most likely."""
    high: float
    """At most."""

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.point + other.point, self.high + other.high)

    def times(self, factor: float) -> Interval:
        """All three multiplied."""
        return Interval(self.low * factor, self.point * factor, self.high * factor)

    def holds(self, amount: float) -> bool:
        """Whether an amount lies within."""
        return self.low <= amount <= self.high

    @property
    def mib(self) -> tuple[float, float]:
        """The bounds in MiB."""
        return round(self.low / MIB, 2), round(self.high / MIB, 2)


NOTHING = Interval(0.0, 0.0, 0.0)
"""No memory."""


def exactly(amount: float) -> Interval:
    """An amount that is known."""
    return Interval(amount, amount, amount)


def around(amount: float, below: float, above: float) -> Interval:
    """An amount that may be lower by a share and higher by another."""
    return Interval(amount * (1 - below), amount, amount * (1 + above))


def total(intervals: Iterable[Interval]) -> Interval:
    """Their sum; bounds add up, since parts need not err in opposite directions."""
    found = NOTHING
    for each in intervals:
        found = found + each
    return found


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of what a process takes."""

    name: str
    """`weights`, `kv`, `compute`, `outputs`, `runtime`, `graphs`, `fragmentation`, `load`."""
    place: str = HOST
    """`host`, or `device` for each accelerator."""
    size: Interval
    """Bytes."""
    basis: str
    """What it was worked out from, one line."""
    mapped: bool = False
    """Whether it is mapped from a file, and can be dropped and read again."""
    passing: bool = False
    """Whether it is there only while the model loads."""


class MemoryEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes in an engine."""

    engine: str
    """The engine."""
    parts: tuple[Part, ...]
    """What it is made of."""
    assumed: tuple[str, ...] = ()
    """What was assumed, one sentence each."""

    def of(self, *names: str, place: str = "") -> Interval:
        """The parts of these names, on one side or on both."""
        return total(each.size for each in self.parts if each.name in names and (not place or each.place == place))

    def steady(self, place: str) -> Interval:
        """What is there while requests are answered."""
        return total(each.size for each in self.parts if each.place == place and not each.passing)

    def peak(self, place: str) -> Interval:
        """The most that is there at a time: loading comes before computing, so the larger of the two counts.

        Loading holds the weights, the runtime and what passes; answering holds everything else.
        """
        kept = [each for each in self.parts if each.place == place and not each.passing]
        while_loading = [each.size for each in kept if each.name in ("weights", "runtime")]
        while_loading += [each.size for each in self.parts if each.place == place and each.passing]
        first, second = total(while_loading), total(each.size for each in kept)
        return Interval(max(first.low, second.low), max(first.point, second.point), max(first.high, second.high))
