"""What the tables of settings are made of: their base, the bounds of their values, and a value that is refused."""

from __future__ import annotations

from typing import Annotated

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
"""A whole number, 1 or more."""
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
"""A whole number, 0 or more."""
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose."""
Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
"""A time in seconds, above 0; neither NaN nor infinite, as are all of these."""
SecondsOrZero = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
"""A time in seconds, 0 or more."""
Number = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
"""Any number."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
"""A share of something, 1 for all of it."""
Rate = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
"""So many a second; 0 sets no limit."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a table of settings."""


class ValueRefused(ValueError):
    """A value that its table refuses; what is wrong with it, and what ends it."""

    def __init__(self, problem: str, suggestion: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.suggestion = suggestion
