"""ROCm: the device code in PyTorch's wheels, and the gfx targets that run it."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, rows, within


class RocmWheel(Row, frozen=True):
    """The device code in PyTorch's wheels for a ROCm version and those after it."""

    rocm: Version
    """The first ROCm version of the wheel's tag, `6.3`."""
    architectures: tuple[str, ...]
    """The gfx targets inside."""


class Driver(Row, frozen=True):
    """The user space that goes with a kernel driver."""

    driver: Version
    """The ROCm release that brought the kernel driver, `6.2`."""
    oldest: Version
    """The oldest release of the user space that was tested with it."""
    newest: Version
    """The newest one."""


class Generic(Row, frozen=True):
    """A target whose code runs on several devices."""

    name: str
    """The generic target, `gfx11-generic`."""
    members: tuple[str, ...]
    """The targets that run its code."""


class Override(Row, frozen=True):
    """A target that runs another's code when it is set to pass for it."""

    target: str
    """The device's own target, `gfx1031`."""
    runs: str
    """The target whose code it runs."""
    value: str
    """What `HSA_OVERRIDE_GFX_VERSION` has to say, `10.3.0`."""


def architectures(rocm: Version) -> TableAnswer[tuple[str, ...]]:
    """The most device code that PyTorch's wheels for a ROCm version ever held; unknown for one before the table."""
    table: tuple[RocmWheel, ...] = rows("rocm", "wheel", RocmWheel)
    known = [row for row in table if row.rocm <= rocm]
    asked = f"ROCm {rocm}"
    if not known:
        return unknown(asked, "rocm")
    row = max(known, key=lambda each: each.rocm)
    last = max(each.rocm for each in table)
    is_newer = (rocm.major, rocm.minor) > (last.major, last.minor)
    return newest_row(row.architectures, row, asked, last) if is_newer else exact(row.architectures, row)


def runs_on(code: str, device: str) -> bool:
    """Whether code for a target runs on a device: its own, or a generic one that it is a member of."""
    target, own = code.partition(":")[0], device.partition(":")[0]
    if target == own:
        return True
    return any(own in row.members for row in rows("rocm", "generic", Generic) if row.name == target)


def overridden(value: str) -> str | None:
    """The target that `HSA_OVERRIDE_GFX_VERSION` makes of every device, `10.3.0` → `gfx1030`; None if it is none."""
    parts = value.strip().split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        return None
    major, minor, stepping = (int(part) for part in parts)
    return f"gfx{major}{minor:x}{stepping:x}"


def override(device: str) -> Override | None:
    """How a target without code of its own may run another's."""
    return next((row for row in rows("rocm", "override", Override) if row.target == device), None)


def tested(driver: Version, user: Version) -> bool | None:
    """Whether AMD tested a user space with the kernel driver of a release; None for a driver that isn't listed."""
    found = (row for row in rows("rocm_drivers", "driver", Driver) if within(driver, row.driver, row.driver))
    return next((within(user, row.oldest, row.newest) for row in found), None)
