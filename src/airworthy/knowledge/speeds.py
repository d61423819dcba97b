"""How fast devices are by their makers' account: memory, and arithmetic by data type."""

from __future__ import annotations

import re

from airworthy.knowledge.tables import Row, rows

_PIECES = re.compile(r"[a-z]+|\d+")


class Speed(Row, frozen=True):
    """What a maker publishes of a device's speed."""

    names: tuple[str, ...]
    """Its names as frameworks give them, without the maker, `A100 SXM4 80GB`."""
    bandwidth: float
    """Bytes a second that its memory reads or writes."""
    float64: float | None = None
    """Operations a second in this type, dense; here and below None for what nobody looked up."""
    float32: float | None = None
    """The same in float32."""
    tf32: float | None = None
    """The same for float32 multiplied as tf32."""
    float16: float | None = None
    """The same in float16."""
    bfloat16: float | None = None
    """The same in bfloat16."""
    float8: float | None = None
    """The same in float8."""
    int8: float | None = None
    """The same in int8."""

    def arithmetic(self, dtype: str) -> float | None:
        """Operations a second in a type; None where they are not known."""
        found: float | None = getattr(self, dtype, None)
        return found


def speed(name: str) -> Speed | None:
    """The row of a device; None for one that isn't in the table, and for a part of one (MIG)."""
    pieces = _PIECES.findall(name.lower()[:200])
    if "mig" in pieces:
        return None
    best, found = 0, None
    for row in rows("device_speeds", "speed", Speed):
        for each in row.names:
            own = _PIECES.findall(each.lower())
            holds = any(pieces[at : at + len(own)] == own for at in range(len(pieces) - len(own) + 1))
            if holds and len(own) > best:
                best, found = len(own), row
    return found
