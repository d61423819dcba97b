"""What is asked of a machine."""

from __future__ import annotations

from airworthy.core.values.base import Value
from airworthy.core.version import Version


class Requirements(Value, frozen=True):
    """What a machine must have at least, as the settings say; 0 and None ask for nothing."""

    cores: int = 0
    """Processors that may be used."""
    memory: int = 0
    """Bytes of memory that may be used."""
    disk: int = 0
    """Bytes free where the work is done."""
    devices: int = 0
    """Accelerators."""
    device_memory: int = 0
    """Bytes of memory of the accelerator that has most."""
    storage_read: int = 0
    """Bytes a second that are read in order from the model's storage."""
    storage_writes: int = 0
    """Random writes a second to the model's storage."""
    capability: Version | None = None
    """Compute capability of the newest NVIDIA device."""
    driver: Version | None = None
    """NVIDIA driver."""
    python: Version | None = None
    """Interpreter."""


class Policy(Value, frozen=True):
    """What a machine may have, as the settings say; an empty list allows everything."""

    accelerators: tuple[str, ...] = ()
    """Makers, names, parts of names (`H100`) or architectures (`sm_90`) of accelerators."""
    drivers: tuple[str, ...] = ()
    """Versions of drivers: `535`, `>=550`, `ascend 24.1`."""
