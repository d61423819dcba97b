"""NumPy: the first release of each package that loads with NumPy 2."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.tables import Row, rows


class Package(Row, frozen=True):
    """A package with compiled extensions."""

    name: str
    """The distribution, normalised."""
    first: Version
    """Its first release whose wheels load with NumPy 2."""


def first_for_numpy2(distribution: str) -> Version | None:
    """The first release of a distribution that loads with NumPy 2; None where that is not known."""
    return next((row.first for row in rows("numpy", "package", Package) if row.name == distribution), None)
