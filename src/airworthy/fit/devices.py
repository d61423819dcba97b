"""Where a model may run: memory, how fast it is read, and how fast products are computed, each with its basis."""

from __future__ import annotations

from typing import Optional

import msgspec

from airworthy.fit.parts import Interval

CPU = "cpu"
"""The name of this machine's processor."""
MEASURED, CATALOGUE, USUAL = "measured", "catalogue", "usual"
"""Where a number is from: this machine, a data sheet, or what such devices usually have."""


class Rate(msgspec.Struct, frozen=True):
    """How fast something is."""

    value: float
    """Bytes or operations a second."""
    basis: str
    """`measured`, `catalogue` or `usual`."""
    source: str = ""
    """The page or the measurement that says so."""


class FitDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A processor with its memory, or some accelerators of one kind."""

    name: str
    """What it is called, `cpu`, `NVIDIA H100 80GB HBM3`."""
    accelerator: bool = False
    """Whether it is one that has memory of its own."""
    vendor: str = ""
    """Its maker; empty for a processor."""
    count: int = 1
    """How many there are."""
    memory: Optional[int] = None
    """Bytes of its memory, of each."""
    available: Optional[int] = None
    """The part of it that a new process can have; None where that is not known."""
    bandwidth: Optional[Rate] = None
    """How fast its memory is read; None where nothing says."""
    arithmetic: dict[str, Rate] = {}
    """How fast products are computed, by type."""
    disk: Optional[Rate] = None
    """How fast files are read."""
    link: Optional[Rate] = None
    """How fast the host's memory reaches it."""
    cores: int = 0
    """Cores of a processor that may be used."""
    capability: str = ""
    """The compute capability of NVIDIA's, the target of AMD's: `9.0`, `gfx942`."""

    @property
    def room(self) -> Optional[int]:
        """Bytes that can be planned with on one of them."""
        return self.available if self.available is not None else self.memory

    def rate(self, dtype: str) -> Rate | None:
        """The arithmetic of a type, or that of the nearest one that is known and no faster."""
        for name in (dtype, *_SLOWER.get(dtype, ())):
            if name in self.arithmetic:
                return self.arithmetic[name]
        return None


_SLOWER = {
    "float4": ("float8", "int8", "float16", "bfloat16", "float32"),
    "float8": ("int8", "float16", "bfloat16", "float32"),
    "int8": ("float8", "float16", "bfloat16", "float32"),
    "float16": ("bfloat16", "tf32", "float32"),
    "bfloat16": ("float16", "tf32", "float32"),
    "float32": ("tf32",),
}
USUAL_CORE = {"float32": 4.0e10, "int8": 1.2e11}
"""Operations a second of one core with AVX2 where nothing was measured: 2 units of 8 lanes at 2.5 GHz."""
USUAL_MEMORY = 2.0e10
"""Bytes a second that a processor reads where nothing was measured: two channels of DDR4, shared with others."""
USUAL_DISK = 1.0e9
"""Bytes a second of a solid-state disk where nothing was measured."""
USUAL_LINK = 2.0e10
"""Bytes a second over PCI Express 4 with 16 lanes, after its overhead."""
LIMITS = {MEASURED: (0.8, 1.25), CATALOGUE: (0.45, 1.0), USUAL: (0.3, 2.5)}
"""The share of a number that an engine reaches, at least and at most, by where the number is from."""


def reached(rate: Rate, share: float) -> Interval:
    """What an engine reaches of a rate, given the share that is likely."""
    low, high = LIMITS[rate.basis]
    return Interval(rate.value * share * low, rate.value * share, rate.value * min(share * high, high))
