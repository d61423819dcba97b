"""Data types and the first devices that compute in them."""

from __future__ import annotations

import re

from airworthy.core.version import Version
from airworthy.knowledge.answers import Basis, TableAnswer, unknown
from airworthy.knowledge.tables import Row, rows


class Datatype(Row, frozen=True):
    """A data type of weights and activations."""

    name: str
    """Its usual name, `bfloat16`."""
    spellings: tuple[str, ...]
    """How formats, libraries and people write it, lower case."""
    capability: Version
    """The first compute capability of NVIDIA devices that has arithmetic for it."""
    gfx: tuple[str, ...]
    """The beginnings of the names of AMD's targets that have it, `gfx94` for gfx940 to gfx942."""

    def computed_by(self, target: str) -> bool:
        """Whether AMD devices of a target, `gfx1100`, have arithmetic for it."""
        return target.startswith(self.gfx)


_FLOATS = re.compile(r"(?:b?f|fp|float|bfloat|nvfp)\d{1,3}\w*")
_EVERYWHERE = frozenset({"f32", "fp32", "float32", "f64", "fp64", "float64"})


def answer(spelling: str) -> TableAnswer[Datatype]:
    """The row of a data type; unknown for a floating-point type that is neither in the table nor on all devices.

    Integers have no row, and block types are computed in another type: both give an exact answer without a value.
    """
    row = datatype(spelling)
    wanted = spelling.lower().rpartition(".")[2]
    if row is None and _FLOATS.fullmatch(wanted) and wanted not in _EVERYWHERE:
        return unknown(f"data type {spelling}", "datatypes")
    return TableAnswer(row, Basis.EXACT, row)


def datatype(spelling: str) -> Datatype | None:
    """The row of a data type by any of its spellings, `BF16`, `torch.bfloat16`; None for one that all devices have."""
    wanted = spelling.lower().rpartition(".")[2]
    return next((row for row in rows("datatypes", "datatype", Datatype) if wanted in row.spellings), None)
