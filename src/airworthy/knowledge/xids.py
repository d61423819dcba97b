"""Xids: what the NVIDIA driver's errors in the kernel's log mean."""

from __future__ import annotations

from airworthy.knowledge.tables import Row, rows


class XidMeaning(Row, frozen=True):
    """An error of the device itself."""

    number: int
    """Its number, `79`."""
    meaning: str
    """What happened, after `Xid 79: `."""


def device_fault(number: int) -> XidMeaning | None:
    """The row of an error that is the device's own; None for one that may be a program's."""
    return next((row for row in rows("xids", "xid", XidMeaning) if row.number == number), None)
