"""What a device has and what its data sheet promises: memory, its bandwidth, its arithmetic."""

from __future__ import annotations

import functools
import re

from airworthy.knowledge.tables import Row, rows


class Specification(Row, frozen=True):
    """One device with one size of memory."""

    vendor: str
    """The maker, as in facts: `nvidia`, `amd`."""
    names: tuple[str, ...]
    """Its names as the maker's tool prints them, `NVIDIA A100-SXM4-80GB`."""
    memory: float
    """Its memory in GiB, as it is sold."""
    bandwidth: float
    """How fast that memory is read, in GB (10^9 bytes) a second."""
    float16: float | None = None
    """Dense matrix arithmetic in 16 bits, summed in 32, in TFLOPS (10^12 a second); None where no source says."""
    float32: float | None = None
    """Arithmetic in 32 bits without tensor cores, in TFLOPS; None where no source says."""
    float64: float | None = None
    """Dense matrices of 64 bits, with tensor cores where they take them, in TFLOPS."""
    tf32: float | None = None
    """Dense matrices of 32 bits that are multiplied as tf32, in TFLOPS."""
    bfloat16: float | None = None
    """Dense matrices in bfloat16, in TFLOPS."""
    float8: float | None = None
    """Dense matrices in 8 bits of floating point, in TFLOPS."""
    int8: float | None = None
    """Dense matrices of 8-bit integers, in 10^12 operations a second."""

    @property
    def bytes_a_second(self) -> float:
        """The bandwidth in bytes a second."""
        return self.bandwidth * 1e9

    def arithmetic(self, dtype: str) -> float | None:
        """Operations a second in a type, `float16`; None where no source says."""
        found: float | None = getattr(self, dtype, None) if dtype in _TYPES else None
        return None if found is None else found * 1e12


_TYPES = frozenset({"float64", "float32", "tf32", "float16", "bfloat16", "float8", "int8"})
_PIECES = re.compile(r"[a-z]+|\d+")
# What makers add to a name in some driver releases and leave out in others.
_NOISE = frozenset({"nvidia", "amd", "tesla", "geforce", "instinct", "quadro", "generation", "gpu", "graphics", "oam"})
# A driver keeps some of what is sold for itself, up to a tenth on cards with error correction in the same memory.
_KEPT = 0.12


def specifications(name: str, memory: int | None = None) -> tuple[Specification, ...]:
    """The rows that a device's name may mean, `NVIDIA H100 80GB HBM3` or just `H100`, given its memory in bytes.

    A full name finds its own row; a shortened one all whose names hold it. A partition (MIG) finds none, since it has
    a part of the device.
    """
    asked = _pieces(name)
    if not asked or "mig" in asked:
        return ()
    exact = [row for row in _rows() if any(_pieces(each) == asked for each in row.names)]
    found = exact or [row for row in _rows() if any(_within(asked, _pieces(each)) for each in row.names)]
    if memory is not None:
        found = [row for row in found if abs(memory / 2**30 - row.memory) <= _KEPT * row.memory]
    return tuple(found)


def specification(name: str, memory: int | None = None) -> Specification | None:
    """The row of a device; None where none is known, or where several are meant that differ."""
    found = specifications(name, memory)
    return found[0] if len({(row.bandwidth, row.float16, row.float32) for row in found}) == 1 else None


@functools.lru_cache(maxsize=1024)
def _pieces(name: str) -> tuple[str, ...]:
    return tuple(each for each in _PIECES.findall(name.lower()[:200]) if each not in _NOISE)


def _within(asked: tuple[str, ...], own: tuple[str, ...]) -> bool:
    """Whether a name begins as asked and goes on with nothing that makes another device of it, such as `Ti`."""
    further = own[len(asked) :]
    return own[: len(asked)] == asked and not {"ti", "super", "laptop", "s", "g", "x", "d"} & set(further)


def _rows() -> tuple[Specification, ...]:
    return rows("device_specifications", "device", Specification)


def names() -> tuple[str, ...]:
    """All names of devices that the table knows."""
    return tuple(name for row in _rows() for name in row.names)
