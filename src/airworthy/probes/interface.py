"""What a probe is: a function over the host's seam that yields facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airworthy.core.facts import Fact
from airworthy.core.keys import Key
from airworthy.probes.seam.host import Host

Reading = Iterator[tuple[Key[Any], Fact]]
"""What a probe yields: each of its keys with its fact."""


@dataclass(frozen=True)
class Probe:
    """Reads one thing about a host."""

    name: str
    """Its name in `--help`, in reports and in the registry."""
    provides: tuple[Key[Any], ...]
    """The facts that it answers for; one that it doesn't yield is unknown."""
    read: Callable[[Host], Reading]
    """Reads them. It may raise: the facts not yet yielded are then unknown, with the error as the reason."""
