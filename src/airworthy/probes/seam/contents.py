"""What stands behind the paths and commands of a fake host."""

from __future__ import annotations

from typing import NamedTuple, Union

from airworthy.probes.seam.host import (
    Completed,
    HostError,
)


class Slow(NamedTuple):
    """A command that takes its time. Past the caller's limit it fails at once, so that tests need not wait."""

    seconds: float
    """How long it takes."""
    answer: Completed = Completed(0, "", "")
    """What it gives in the end."""


class Parts(NamedTuple):
    """A large file of which only the parts that were read are kept."""

    parts: tuple[tuple[int, bytes], ...]
    """Offset and bytes of each; a read that lies in none gives nothing."""


Content = Union[str, bytes, HostError, Parts]
"""What stands behind a path: text, bytes, the error that reading it gives, or parts."""


Answer = Union[Completed, HostError, Slow]
"""What a command gives."""
