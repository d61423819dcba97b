"""`[requirements]` and `[policy]`: what a machine must have, and what it may have."""

from __future__ import annotations

import re

from airworthy.core.messages import say
from airworthy.core.settings.section import NotNegative, Section, ValueRefused

DRIVER = re.compile(
    r"(?:(?P<maker>[A-Za-z]{2,20})\s+)?(?P<compare>[<>]=?|==?)?\s*(?P<version>\d{1,6}(?:\.\d{1,6}){0,5})(?:\.[x*])?"
)
"""How `policy.drivers` names a version."""
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,5}")


class RequirementSettings(Section, frozen=True):
    """`[requirements]`: what a machine must have at least; `airworthy check` says which of it is missing."""

    cores: NotNegative = 0
    """Processors that may be used, after affinity and quota."""
    memory: NotNegative = 0
    """Bytes of memory that may be used, after the container's limit."""
    disk: NotNegative = 0
    """Bytes free in the folder that is worked in."""
    devices: NotNegative = 0
    """Accelerators."""
    device_memory: NotNegative = 0
    """Bytes of memory of the accelerator that has most."""
    storage_read: NotNegative = 0
    """Bytes a second that `--storage` reads in order."""
    storage_writes: NotNegative = 0
    """Random writes of 4 KiB a second that `--storage` makes."""
    capability: str = ""
    """Compute capability of the newest NVIDIA device, `8.0`."""
    driver: str = ""
    """NVIDIA driver, `535`."""
    python: str = ""
    """Interpreter, `3.10`."""

    def __post_init__(self) -> None:
        for name, value in (("capability", self.capability), ("driver", self.driver), ("python", self.python)):
            if value and not _VERSION.fullmatch(value):
                raise ValueRefused(
                    say("`requirements.{name}` is {value!r}, which is no version", name=name, value=value),
                    say("write numbers with dots, `8.0`"),
                )


class PolicySettings(Section, frozen=True):
    """`[policy]`: what a machine may have; anything else is an error of `airworthy check`."""

    accelerators: tuple[str, ...] = ()
    """Accelerators that are allowed, by maker, name, part of the name or architecture: `H100`, `sm_90`, `ascend`."""
    drivers: tuple[str, ...] = ()
    """Drivers that are allowed: `535`, `>=550`; with a maker before it, `ascend 24.1`, only for that maker's."""

    def __post_init__(self) -> None:
        for value in self.drivers:
            if not DRIVER.fullmatch(value.strip()):
                raise ValueRefused(
                    say("`policy.drivers` holds {value!r}, which is no version", value=value),
                    say("write `535`, `>=550` or `ascend 24.1`"),
                )
        if any(not value.strip() for value in self.accelerators):
            raise ValueRefused(
                say("`policy.accelerators` holds an empty text"), say("name a maker, a device or an architecture")
            )
