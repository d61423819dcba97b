"""Where an environment is not what its lock says, and the commands that lead back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet, RecordsChecked
from airworthy.environment.lockfile import LockedPackage

BOOTSTRAP = frozenset({"pip", "setuptools", "wheel", "uv"})
"""Packages that a fresh environment may hold without a lock naming them."""


class Drift(msgspec.Struct, frozen=True, omit_defaults=True):
    """One difference between an environment and its lock."""

    kind: Literal["missing", "version", "extra", "changed", "file-missing", "no-record", "twice"]
    """`missing` and `extra` packages, another `version`, a package described `twice`, files that are `changed` or
    missing, a package without a record of its files."""
    package: str
    """The package."""
    locked: str = ""
    """What the lock says: a version."""
    found: str = ""
    """What is there: a version, or a file."""

    @property
    def text(self) -> str:
        """One line about it."""
        return say(_TEXTS[self.kind], package=self.package, locked=self.locked, found=self.found)


_TEXTS = {
    "missing": "{package} {locked} is locked and not installed",
    "version": "{package} is installed as {found} and locked as {locked}",
    "extra": "{package} {found} is installed and not in the lock",
    "changed": "{package}: {found} is not as it was installed",
    "file-missing": "{package}: {found} is gone",
    "no-record": "{package} has no record of its files: {found}",
    "twice": "{package} is described a second time: {found}",
}


def drifts(
    installed: InstalledSet, locked: Iterable[LockedPackage], records: RecordsChecked | None, own: Iterable[str] = ()
) -> tuple[Drift, ...]:
    """Compare an environment with the packages of a lock that belong on its platform.

    Args:
        installed: the environment.
        locked: the packages of the lock whose markers hold there.
        records: what came of comparing its files with their records; None if they were not compared.
        own: packages that the lock is made for and does not hold, such as the project itself.
    """
    from packaging.version import InvalidVersion, Version

    def same(one: str, other: str) -> bool:
        try:
            return Version(one) == Version(other)
        except InvalidVersion:
            return one == other

    found: list[Drift] = []
    there = {each.name: each for each in installed.packages}
    wanted = {each.name: each for each in locked}
    for name, package in sorted(wanted.items()):
        if name not in there:
            found.append(Drift("missing", name, locked=package.version))
        elif package.version and not same(there[name].version, package.version):
            found.append(Drift("version", name, locked=package.version, found=there[name].version))
    allowed = {*wanted, *own, *BOOTSTRAP}
    for name, installed_package in sorted(there.items()):
        if name not in allowed and not installed_package.editable:
            found.append(Drift("extra", name, found=installed_package.version))
    used = {each.name: each.location for each in installed.packages}
    found += [
        Drift("twice", each.name, found=each.info) for each in installed.hidden if each.location == used[each.name]
    ]
    kinds = {"changed": "changed", "missing": "file-missing", "unreadable": "changed", "no-record": "no-record"}
    for fault in records.faults if records else ():
        kind = kinds.get(fault.kind)
        if kind is not None and fault.package in wanted:
            found.append(msgspec.convert({"kind": kind, "package": fault.package, "found": fault.path}, Drift))
    return tuple(found)
