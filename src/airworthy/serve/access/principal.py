"""Who makes a request, and which role it has."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Role(IntEnum):
    """What a caller may do; each role may do what the ones before it may."""

    PUBLIC = 0
    """Read what probes need: whether the process and its models are alive."""
    USER = 1
    """Run models."""
    DEVELOPER = 2
    """Read metrics and statistics."""
    ADMIN = 3
    """Load and unload models."""


class Principal(NamedTuple):
    """The caller of a request."""

    name: str
    """Identifies the caller for its limits; holds no secret. Empty where nothing is limited."""
    role: Role
    """What it may do."""
    tenant: str = ""
    """Whose kept answers it may be given; empty where nothing trusted names the caller."""


class Credentials(NamedTuple):
    """What a request says of its caller."""

    address: str = ""
    """The IP address that it comes from."""
    named: bytes | str | None = None
    """The value of the header in which a trusted proxy names the caller."""
    authorization: bytes | str | None = None
    """The header `Authorization`."""
