"""What a run of stored numbers shows: extremes, sums, NaN, rows of one value; added up piece by piece."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from airworthy.artifacts.encodings.elements import FLOATS, PLAIN_TYPES, Array, decode, decode_brain, decode_half, unit
from airworthy.artifacts.weights.moments import moments_of, moments_of_whole

CHUNK = 512 * 1024
"""Elements that are worked on at a time: few enough to stay in a processor's caches, and enough to make what each step
costs besides its numbers small."""
SAMPLES = 16_384
"""Elements of one tensor that its histogram is made of, evenly spread."""
BINS = 16
"""Bars of a histogram."""
# What twice a subnormal number's bits less one stays below, by type: zero becomes the largest of all. And of how many
# numbers one is read: they are reported where they are many, and 16-bit numbers would cost as much as all else.
_SUBNORMAL = {"FP32": (np.uint32, 0xFFFFFF, 1), "BF16": (np.uint16, 0xFF, 16), "FP16": (np.uint16, 0x7FF, 16)}
# The bits of infinity in 16-bit types; what is above is no number.
_HALVES = {"FP16": 0x7C00, "BF16": 0x7F80}
# Whole numbers of more than 8 bits, which 32-bit floats would round: measured as what they are.
_WHOLE = {"INT16": "<i2", "UINT16": "<u2", "INT32": "<i4", "UINT32": "<u4", "INT64": "<i8", "UINT64": "<u8"}


@dataclass
class Measure:
    """The figures of one tensor, or of a part of it."""

    elements: int = 0
    """Numbers that were read."""
    nans: int = 0
    """Those that are no number."""
    infinities: int = 0
    """Those that are infinite."""
    subnormal: int = 0
    """Those below the smallest normal number of their type, zero left out; worked out of a part."""
    low: float = math.inf
    """The smallest finite one; exact for whole numbers."""
    high: float = -math.inf
    """The largest finite one; likewise."""
    mean: float = math.nan
    """Mean of the finite ones; NaN where there are none."""
    deviation: float = math.nan
    """Their standard deviation, that of a population; likewise."""
    whole: int | None = None
    """Their exact sum where they are whole numbers of more than 8 bits."""
    rows: int = 0
    """Rows that were seen whole."""
    constant_rows: int = 0
    """Those of one single value."""
    samples: list[Array] = field(default_factory=list)
    """Evenly spread elements."""

    def add(self, other: Measure) -> None:
        """Add the figures of the next part.

        Means and deviations are joined by the method of Chan, Golub and LeVeque (1983), on deviations instead of sums
        of squares, which would leave the range of numbers before they do.
        """
        self._join(other)
        self.elements += other.elements
        self.nans += other.nans
        self.infinities += other.infinities
        self.subnormal += other.subnormal
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.whole = other.whole if self.whole is None else self.whole + (other.whole or 0)
        self.rows += other.rows
        self.constant_rows += other.constant_rows
        self.samples += other.samples

    @property
    def finite(self) -> int:
        """Numbers that are finite."""
        return self.elements - self.nans - self.infinities

    @property
    def exact_mean(self) -> float:
        """Mean of the finite ones, of whole numbers as their exact sum gives it."""
        return self.mean if self.whole is None else self.whole / self.finite

    def _join(self, other: Measure) -> None:
        ours, theirs = self.finite, other.finite
        if not theirs or not ours:
            if theirs:
                self.mean, self.deviation = other.mean, other.deviation
            return
        count = ours + theirs
        # Each factor is at most a half, so that the difference of two means stays within the range of numbers.
        apart = math.sqrt(ours) * math.sqrt(theirs) / count
        self.deviation = math.hypot(
            self.deviation * math.sqrt(ours / count),
            other.deviation * math.sqrt(theirs / count),
            other.mean * apart - self.mean * apart,
        )
        self.mean = self.mean * (ours / count) + other.mean * (theirs / count)

    def histogram(self) -> tuple[int, ...]:
        """How many of the sampled elements lie in each of `BINS` equal steps from the lowest to the highest."""
        if not self.samples or not self.low < self.high:
            return ()
        sample = np.concatenate(self.samples).astype(np.float64)
        sample = sample[np.isfinite(sample)]
        low, high = float(self.low), float(self.high)
        if not (math.isfinite(high - low) and low < high):
            return ()
        counts, _ = np.histogram(np.clip(sample, low, high), BINS, (low, high))
        return tuple(int(count) for count in counts)


class Meter:
    """Measures pieces of one tensor; safe to use from several threads, as it holds nothing that changes."""

    def __init__(self, datatype: str, shape: tuple[int, ...], *, big_endian: bool) -> None:
        """Describe a tensor.

        Args:
            datatype: a type that `elements.unit` knows.
            shape: its sizes; the last one varies fastest.
            big_endian: whether its bytes have to be turned around.
        """
        known = unit(datatype)
        if known is None:
            raise ValueError(datatype)
        self.unit = known
        self.datatype = datatype
        self.swapped = big_endian and datatype in PLAIN_TYPES and self.unit[1] > 1
        self.step = max(1, math.prod(shape) // SAMPLES)
        width = shape[-1] if len(shape) > 1 else 0
        # Rows of a few numbers are often alike by chance, and those of blocks are judged by their numbers.
        self.row = width if width >= 16 and width % self.unit[0] == 0 and datatype in FLOATS else 0
        self.row_bytes = width // self.unit[0] * self.unit[1] if width else 0

    def measure(self, raw: memoryview) -> Measure:
        """The figures of a piece of whole rows, or of whole units where rows are longer than a piece."""
        bytes_ = np.frombuffer(raw, np.uint8)
        result = Measure()
        if self.swapped:
            bytes_ = bytes_.reshape(-1, self.unit[1])[:, ::-1].reshape(-1)
        if self.datatype in PLAIN_TYPES and bytes_.ctypes.data % 8:
            bytes_ = bytes_.copy()  # numbers that lie across their own borders are far slower to read
        if self.row and len(bytes_) % self.row_bytes == 0:
            self._count_rows(bytes_, result)
        size = CHUNK // self.unit[0] * self.unit[1]
        # Infinities and the overflow of sums are looked for by their results.
        with np.errstate(all="ignore"):
            for at in range(0, len(bytes_), size):
                self._chunk(bytes_[at : at + size], result)
        return result

    def _chunk(self, raw: Array, result: Measure) -> None:
        part = Measure()
        if self.datatype in _SUBNORMAL:
            part.subnormal = self._count_subnormal(raw)
        if self.datatype in _WHOLE:
            values = raw.view(_WHOLE[self.datatype])
            _measure_whole(values, part)
        elif self.datatype in _HALVES:
            values, low, high = self._halves(raw.view(np.uint16))
            _measure_values(values, low, high, part)
        else:
            values = decode(self.datatype, raw)
            _measure_values(values, float(values.min()), float(values.max()), part)
        part.samples = [values[:: self.step].astype(np.float64 if values.dtype == np.float64 else np.float32)]
        result.add(part)

    def _count_subnormal(self, raw: Array) -> int:
        kind, border, stride = _SUBNORMAL[self.datatype]
        codes: Any = raw.view(kind)[::stride]
        doubled = _scratch(kind, codes.size)
        np.left_shift(codes, kind(1), out=doubled)
        np.subtract(doubled, kind(1), out=doubled)
        return int(np.count_nonzero(doubled < border)) * stride if doubled.min() < border else 0

    def _halves(self, codes: Array) -> tuple[Array, float, float]:
        """16-bit numbers as 32-bit ones with their extremes, which integers give in half the time."""
        most, signed = int(codes.max()), int(codes.view(np.int16).max())
        infinite = _HALVES[self.datatype]
        if most >= infinite | 0x8000 or signed >= infinite:
            # Shifting bits would make numbers of NaN, and a value is distinguished by the conversion alone.
            if self.datatype == "FP16":
                return codes.view(np.float16).astype(np.float32), math.nan, math.nan
            return decode_brain(codes), math.nan, math.nan
        # As integers, negative numbers stand above all others, the lower the higher.
        least = int(codes.min()) if most < 0x8000 or signed < 0 else 0
        low, high = most if most >= 0x8000 else least, signed if signed >= 0 else least
        pair = decode(self.datatype, np.array([low, high], dtype=np.uint16).view(np.uint8))
        half = self.datatype == "FP16"
        room = _scratch(np.int32 if half else np.uint32, codes.size)
        return (decode_half if half else decode_brain)(codes, room), float(pair[0]), float(pair[1])

    def _count_rows(self, raw: Array, result: Measure) -> None:
        rows = raw.view(f"u{self.unit[1]}").reshape(-1, self.row)
        result.rows += len(rows)
        # Three samples of each row leave few that have to be read whole.
        alike = (rows[:, 0] == rows[:, -1]) & (rows[:, 0] == rows[:, self.row // 2])
        for index in np.flatnonzero(alike):
            result.constant_rows += bool((rows[index] == rows[index, 0]).all())


_kept = threading.local()


def _scratch(kind: Any, size: int) -> Array:
    """Room for a chunk that this thread uses again and again: taking it anew costs more than the sums."""
    found: dict[Any, Array] = _kept.__dict__
    if kind not in found or found[kind].size < size:
        found[kind] = np.empty(max(size, CHUNK), kind)
    return found[kind][:size]


def _measure_whole(values: Array, part: Measure) -> None:
    part.elements = values.size
    part.low, part.high = int(values.min()), int(values.max())
    part.whole, part.deviation = moments_of_whole(values, int(part.low), int(part.high))
    part.mean = part.whole / values.size


def _measure_values(values: Array, low: float, high: float, part: Measure) -> None:
    """Figures of a piece of floats, `low` and `high` its extremes as far as all of it is finite."""
    part.elements = values.size
    if not (math.isfinite(low) and math.isfinite(high)):
        nans, finite = np.isnan(values), np.isfinite(values)
        part.nans = int(np.count_nonzero(nans))
        part.infinities = int(values.size - np.count_nonzero(finite) - part.nans)
        values = values[finite]
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
    part.low, part.high = low, high
    part.mean, part.deviation = moments_of(values, low, high)
