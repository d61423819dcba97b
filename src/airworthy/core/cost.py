"""What a cause has cost: how often it was diagnosed, and how long it lasted."""

from __future__ import annotations

from typing import Optional

import msgspec


class CauseCost(msgspec.Struct, frozen=True):
    """What a cause has cost on the machines whose diagnoses are kept."""

    cause: str
    """Its slug."""
    times: int
    """How often it was diagnosed."""
    came_back: int
    """How often it was diagnosed again after it had been resolved."""
    open: int
    """Diagnoses of it that are not resolved."""
    hours: float
    """Hours from each diagnosis to its resolution, or to now where there is none yet, in all."""
    hours_to_repair: Optional[float]
    """Mean hours from diagnosis to resolution; null where none was resolved."""
    first: str
    """When it was first diagnosed, ISO 8601 in UTC."""
    last: str
    """When it was last diagnosed, ISO 8601 in UTC."""
