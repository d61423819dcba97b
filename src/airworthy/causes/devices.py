"""Which of a host's devices a question is about."""

from __future__ import annotations

from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge


def newest_nvidia(devices: tuple[Device, ...]) -> tuple[Device, Version] | None:
    """The device that can do most, with its compute capability; None where no capability is known.

    An older card beside it, which may only drive a screen, keeps nothing from running.
    """
    known = Knowledge()
    capable = [(device, at) for device in devices if (at := known.capability_of(device.architecture)) is not None]
    return max(capable, key=lambda each: each[1], default=None)
