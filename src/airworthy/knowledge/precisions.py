"""Ways to store weights: bits of a weight on the average of a file, and what they cost in quality."""

from __future__ import annotations

import re

from airworthy.knowledge.tables import Row, rows

_SIGNS = re.compile(r"[^a-z0-9]+")


class Precision(Row, frozen=True):
    """One way."""

    name: str
    """What it is called, `Q4_K_M`."""
    names: tuple[str, ...]
    """Its names, lower case without signs."""
    bits: float
    """Bits of a weight, scales and the tensors that are kept wider counted, on the average of a file."""
    ends: int
    """Bits of a weight of the first and the last matrix, where they are left as they were; 0 where they are not."""
    exact: bool
    """Whether all tensors have those bits, and no mixture decides."""
    loss: str
    """What it costs in quality: `none`, `negligible`, `small`, `visible`, `heavy`."""
    measure: str
    """The measure behind that, with the model that it was made on."""
    engines: tuple[str, ...]
    """Engines that compute with it as it is stored."""
    arithmetic: str
    """The type that products are computed in on an accelerator."""


def precision(text: str) -> Precision | None:
    """The row of a name as people write it, `~Q4_K_M`, `UD-IQ3_XXS`, `bf16`; None where none is known."""
    asked = _SIGNS.sub("", text.lower()[:100])
    best: Precision | None = None
    for row in precisions():
        if asked in row.names:
            return row
        if any(len(each) > 3 and asked.endswith(each) for each in row.names) and (
            best is None or len(row.name) > len(best.name)
        ):
            best = row
    return best


def precisions() -> tuple[Precision, ...]:
    """All rows, the widest first."""
    return rows("precisions", "precision", Precision)
