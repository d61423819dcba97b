"""The verdict on a model's rows, or on its padding, and the reasons for it."""

from __future__ import annotations

from enum import Enum

import msgspec

INDEPENDENT, DEPENDENT, UNDECIDED = "independent", "dependent", "undecided"


class Reason(str, Enum):
    """Why rows are, or may be, dependent; reports have a sentence for each."""

    MIXED = "mixed"
    PLACE = "place"
    COUNT = "count"
    SCALE = "scale"
    RANDOM = "random"
    LOST = "rows-lost"
    FIXED = "batch-fixed"
    OPERATOR = "operator-unknown"
    SIZES = "sizes-unknown"
    INDEXED = "indexed"
    UNREAD = "graph-unread"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found about the rows of a model, or about its padding."""

    state: str
    """`independent`, `dependent` or `undecided`."""
    reason: str = ""
    """Why not independent, one of `Reason`."""
    node: str = ""
    """The node where it began; may be empty, since nodes need no names."""
    operator: str = ""
    """Its operator."""

    @property
    def holds(self) -> bool:
        """Whether it is independent."""
        return self.state == INDEPENDENT
