"""glibc: which releases of Linux distributions bring which version."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.tables import Row, rows


class Release(Row, frozen=True):
    """A release of a distribution."""

    name: str
    """Its name and number, `Debian 12`."""
    image: str
    """A container image of it or of a rebuild of it, `debian:12`."""
    glibc: Version
    """Its glibc."""


def releases_with(needed: Version) -> tuple[Release, ...]:
    """The releases whose glibc is new enough, the oldest glibc first."""
    found = (row for row in rows("glibc", "release", Release) if row.glibc >= needed)
    return tuple(sorted(found, key=lambda row: row.glibc))
