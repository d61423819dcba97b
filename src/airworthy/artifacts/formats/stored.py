"""Where a tensor's bytes lie: what a pass over weights reads, whatever format holds them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Stored(NamedTuple):
    """One tensor's run of bytes."""

    name: str
    """Its name in the file."""
    datatype: str
    """Element type, as `ModelInfo.datatypes` names it: `BF16`, `Q4_K`."""
    shape: tuple[int, ...]
    """Its sizes; the last one varies fastest."""
    path: Path
    """The file."""
    offset: int
    """Where it begins in that file."""
    size: int
    """Its bytes."""
    big_endian: bool = False
    """Whether its elements have their highest byte first."""
    packed: int = 0
    """Bytes that it takes in the file, where it is deflated; 0 where it lies there as it is."""
    skip: int = 0
    """Bytes that come out before it where it is deflated."""
    note: str = ""
    """Why it can't be measured; empty where it can."""
