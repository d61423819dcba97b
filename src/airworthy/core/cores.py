"""How many cores a process can use, from the facts."""

from __future__ import annotations

from typing import Any

from airworthy.core.facts import Facts
from airworthy.core.keys import CPU_AFFINITY, CPU_CORES, CPU_QUOTA, Key

CORE_FACTS: tuple[Key[Any], ...] = (CPU_CORES, CPU_AFFINITY, CPU_QUOTA)
"""The facts that decide it."""


def usable_cores(facts: Facts) -> float | None:
    """Cores' worth of time that a process can use, less than 1 under a small quota; None where no fact is known.

    A container sees all cores of its host, and the affinity mask does not show a cgroup's quota: it is the least of
    all three. Threads beyond the quota stall each other.
    """
    return min((count for key in CORE_FACTS if (count := facts.get_value(key, None)) is not None), default=None)
