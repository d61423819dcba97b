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
    first_windows: Version | None = None
    """The first one on Windows, where that is another."""


def first_for_numpy2(distribution: str, *, windows: bool = False) -> Version | None:
    """The first release of a distribution that loads with NumPy 2; None where that is not known."""
    row = package(distribution)
    if row is None:
        return None
    return row.first_windows if windows and row.first_windows is not None else row.first


def package(distribution: str) -> Package | None:
    """The row of a distribution."""
    return next((row for row in rows("numpy", "package", Package) if row.name == distribution), None)
