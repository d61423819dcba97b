"""glibc: which releases of Linux distributions bring which version."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.tables import Row, rows


class DistributionRelease(Row, frozen=True):
    """A release of a distribution."""

    name: str
    """Its name and number, `Debian 12`."""
    image: str
    """A container image of it or of a rebuild of it, `debian:12`."""
    glibc: Version
    """Its glibc."""


def releases_with(needed: Version) -> tuple[DistributionRelease, ...]:
    """The releases whose glibc is new enough, the oldest glibc first."""
    found = (row for row in rows("glibc", "release", DistributionRelease) if row.glibc >= needed)
    return tuple(sorted(found, key=lambda row: row.glibc))


def release_named(name: str) -> DistributionRelease | None:
    """The release that a system's name means, as people write it: `Ubuntu 22.04.4 LTS`, `CentOS 7`."""
    return next((row for row in rows("glibc", "release", DistributionRelease) if same_release(name, row.name)), None)


def same_release(name: str, release: str) -> bool:
    """Whether a system's name means a release of a distribution, `Ubuntu 22.04`."""
    words, wanted = name.lower().replace("linux", "").split(), release.lower().split()
    family = words[:1] == wanted[:1] or (wanted[0] == "rhel" and bool({*words} & {"rhel", "rocky", "almalinux"}))
    return family and any(word == wanted[1] or word.startswith(f"{wanted[1]}.") for word in words[1:])
