"""Accelerators, their health, and the machine's topology around them."""

from __future__ import annotations

from airworthy.core.values.base import Value


class Device(Value, frozen=True):
    """An accelerator of this host, or the one that a question is about."""

    vendor: str
    """Its maker, lower case: `nvidia`, `amd`, `ascend`."""
    name: str
    """The marketing name, `NVIDIA H200`."""
    index: int = 0
    """Its number in the maker's own tool."""
    memory: int | None = None
    """Its memory in bytes."""
    memory_free: int | None = None
    """The part of it that no process holds, in bytes."""
    architecture: str = ""
    """What its binaries are built for: `sm_90`, `gfx1100`."""
    uuid: str = ""
    """The maker's identifier; removed by redaction."""


class DeviceHealth(Value, frozen=True):
    """What a device's own management library says of its state."""

    index: int
    """Its number in the maker's own tool."""
    ecc: str = ""
    """`enabled` or `disabled`; empty where it has none or does not say."""
    uncorrected: int | None = None
    """Uncorrected memory errors since the driver was loaded."""
    throttled: tuple[str, ...] = ()
    """Why its clocks are held down now, other than for idleness: `hw-thermal`, `sw-power-cap`."""
    mig: str = ""
    """Whether it is partitioned (MIG): `enabled` or `disabled`; empty where it can't be."""
    instances: int | None = None
    """Its MIG instances that programs can use; None where it is not partitioned, or the tool does not say."""
    persistence: str = ""
    """Whether the driver keeps it initialised without users: `enabled` or `disabled`."""
    compute_mode: str = ""
    """Who may use it: `default`, `exclusive-process`, `prohibited`."""


class Xid(Value, frozen=True):
    """An error that the NVIDIA kernel driver wrote to the kernel's log."""

    address: str
    """The device on the PCI bus, `0000:01:00`."""
    number: int
    """The Xid, 79 for a device that fell off the bus."""
    text: str = ""
    """What the driver added, cut to one line."""


class NumaNode(Value, frozen=True):
    """A node of main memory with the cores near it."""

    index: int
    """Its number."""
    cores: int
    """Logical cores."""
    memory: int
    """Bytes of memory."""


class PciDevice(Value, frozen=True):
    """A device on the PCI bus."""

    address: str
    """Where it sits, `0000:01:00.0`."""
    vendor: str
    """Vendor id, four hexadecimal digits: `10de`."""
    device: str
    """Device id, four hexadecimal digits."""
    kind: str
    """Class code, six hexadecimal digits: `030200` is a 3D controller."""
    driver: str = ""
    """The kernel driver that is bound to it, or empty."""
