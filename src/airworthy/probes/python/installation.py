"""Whether what installers wrote down of each package is there: its files, whole, and its description."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from airworthy.core.facts import Known
from airworthy.core.keys import DISTRIBUTIONS_DAMAGED
from airworthy.core.messages import say
from airworthy.core.values import Damage
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.linking import LinkedObjects as Libraries
from airworthy.probes.linker.linking import linked
from airworthy.probes.linker.objects import EXTENSION, shared_objects
from airworthy.probes.python.distributions import (
    DistributionFile,
    Installed,
    InstalledPackages,
    environment,
    files,
    required_name,
)
from airworthy.probes.seam.host import Host, HostError

MODULE = re.compile(rb'(?m)^((?!\.\./)[^,/\n"]{1,256}(?:/[^,/\n"]{1,256})?\.py),[^,\n]{0,200},(\d{0,15})\r?$')
"""A line of RECORD that names a module of a package's two upper levels: its path, its size. Images are often made
smaller by deleting what lies deeper, such as tests."""
MOST_TOLD = 100


def read(host: Host) -> Reading:
    """Read what is not there."""
    found = environment(host)
    there = _There(host, found.paths)
    damages = [*_descriptions(found), *_files(host, found, there)]
    if host.uname()[0] == "Linux":
        damages += _cut_short(host, linked(host))
    source = say("records of installed packages")
    if len(damages) > MOST_TOLD:
        source = say("{source}; the first of {count} faults", source=source, count=len(damages))
    yield DISTRIBUTIONS_DAMAGED, Known(tuple(damages[:MOST_TOLD]), source)


class _There:
    """What lies in the directories of packages, each listed once."""

    def __init__(self, host: Host, roots: tuple[str, ...]) -> None:
        self._host = host
        self._names: dict[str, frozenset[str] | None] = {}
        for root in roots:
            self._list(root)

    def _list(self, directory: str) -> frozenset[str] | None:
        """The names in it; None where that can't be determined."""
        if directory not in self._names:
            try:
                self._host.stamp(directory)  # one of which only a part was recorded has none
                self._names[directory] = frozenset(self._host.list(directory))
            except HostError:
                self._names[directory] = None
        return self._names[directory]

    def lacks(self, path: str) -> bool:
        """Whether the file is certainly not there: a directory on the way to it could be listed, and lacks the next."""
        directory, name = posixpath.split(path)
        if directory in self._names or directory == path:
            names = self._names.get(directory)
            return names is not None and name not in names
        if self.lacks(directory):
            self._names[directory] = frozenset()
            return True
        names = self._list(directory)
        return names is not None and name not in names


def _descriptions(found: InstalledPackages) -> Iterator[Damage]:
    wanted = frozenset(required_name(each) for one in found.installed for each in one.distribution.requires)
    for each in found.installed:
        # What a system's packages leave under the older names varies.
        if not each.described and each.info.endswith(".dist-info"):
            name = each.distribution.name
            yield Damage(kind="metadata", distribution=name, path=f"{each.info}/METADATA", imported=name in wanted)


def _files(host: Host, found: InstalledPackages, there: _There) -> Iterator[Damage]:
    asked: dict[str, str] = {}
    if host.uname()[0] == "Linux":
        for each in linked(host).linked:
            for link in each.links:
                if link.found is None:
                    asked.setdefault(link.soname, each.object.file.path)
    objects: dict[str, list[DistributionFile]] = {}
    for each_object in shared_objects(host):
        objects.setdefault(each_object.owner.info, []).append(each_object.file)
    for installed in found.installed:
        if not installed.info.endswith(".dist-info"):
            continue
        listed = [*files(host, installed, "modules", MODULE), *objects.get(installed.info, ())]
        missing = [file for file in listed if there.lacks(file.path)]
        if missing:
            yield _damage(installed, listed, missing, asked, there)


def _damage(
    installed: Installed,
    listed: list[DistributionFile],
    missing: list[DistributionFile],
    asked: dict[str, str],
    there: _There,
) -> Damage:
    """One package's missing files as one; an empty `__init__.py` is as good as none."""
    needed = [file for file in missing if posixpath.basename(file.path) in asked]
    base = installed.distribution.location
    whole = [file for file in missing if _is_top(file.path, base) or there.lacks(posixpath.dirname(file.path))]
    extensions = [file for file in missing if EXTENSION.search(posixpath.basename(file.path))]
    telling = (needed or whole or extensions or missing)[0]
    return Damage(
        kind="gone" if len(missing) == len(listed) else "files",
        distribution=installed.distribution.name,
        path=telling.path,
        count=len(missing),
        imported=bool(needed or whole or extensions),
        needed_by=asked.get(posixpath.basename(telling.path), "") if needed else "",
    )


def _is_top(path: str, base: str) -> bool:
    return posixpath.dirname(path) == base


def _cut_short(host: Host, libraries: Libraries) -> Iterator[Damage]:
    for each in libraries.linked:
        try:
            size = host.stamp(each.object.file.path).size
        except HostError:
            continue
        if size < each.elf.end:
            yield Damage(
                kind="cut-short", distribution=each.object.distribution, path=each.object.file.path, imported=True
            )


PROBE = Probe("installation", (DISTRIBUTIONS_DAMAGED,), read)
"""Packages that lack what their records list."""
