"""Installed Python packages, from the metadata that installers leave, without importing anything."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from airworthy.core.facts import Known
from airworthy.core.keys import DISTRIBUTIONS
from airworthy.core.messages import say
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.python.environment import interpreter
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.remembered import remembered
from airworthy.probes.seam.sharing import shared

METADATA_LIMIT = 256 * 1024
"""Bytes of a METADATA file that are read; its header comes first, the description after."""
RECORD_LIMIT = 16 * 1024 * 1024
"""Bytes of a RECORD file that are read: a framework's lists tens of thousands of files."""
MOST_TOLD = 3
"""Unreadable packages that the source names."""


class Installed(NamedTuple):
    """A distribution and the directory that describes it."""

    distribution: Distribution
    """What it is."""
    info: str
    """Its `.dist-info` or `.egg-info`."""
    described: bool = True
    """Whether the description names it and its version; else the folder's name does."""


class InstalledPackages(NamedTuple):
    """All that is installed."""

    installed: tuple[Installed, ...]
    """The packages, in the order of the import path; of two by one name, the first, which is the one imported."""
    paths: tuple[str, ...]
    """The directories that were read."""
    unreadable: tuple[str, ...]
    """The descriptions that could not be read, by their paths."""

    def get(self, name: str) -> Installed | None:
        """The package of a normalised name."""
        return next((each for each in self.installed if each.distribution.name == name), None)


class DistributionFile(NamedTuple):
    """A file that a distribution brought."""

    path: str
    """Where it is."""
    size: int | None
    """Its bytes, where the record states them."""


def read(host: Host) -> Reading:
    """Read the list of packages."""
    found = environment(host)
    source = say("metadata in {paths}", paths=found.paths)
    if found.unreadable:
        template = "{source}; {count} not readable: {names}"
        source = say(
            template,
            source=source,
            count=len(found.unreadable),
            names=tuple(map(posixpath.basename, found.unreadable[:MOST_TOLD])),
        )
    yield DISTRIBUTIONS, Known(tuple(each.distribution for each in found.installed), source)


def environment(host: Host) -> InstalledPackages:
    """All that is installed, inspected once a gathering.

    Raises:
        HostError: no directory of the import path could be read.
    """
    return shared(host, _look)


def _look(host: Host) -> InstalledPackages:
    found: dict[str, Installed] = {}
    paths, unreadable = [], []
    for path in interpreter(host).paths:
        try:
            names = host.list(path)
        except HostError:
            continue  # a zip file, or a directory that is not there: the interpreter passes over it as well
        paths.append(path)
        for name in names:
            # A `~` begins what pip left of a package that it could not remove.
            if not name.endswith((".dist-info", ".egg-info")) or name.startswith("~"):
                continue
            installed = _describe(host, path, name)
            if installed is None:
                unreadable.append(f"{path}/{name}")
            else:
                found.setdefault(installed.distribution.name, installed)
    if not paths:
        raise HostError(say("no directory of the interpreter's import path could be read"))
    return InstalledPackages(tuple(found.values()), tuple(paths), tuple(unreadable))


def _describe(host: Host, path: str, name: str) -> Installed | None:
    info = f"{path}/{name}"
    wheel = name.endswith(".dist-info")
    text = ""
    for candidate in (f"{info}/METADATA",) if wheel else (f"{info}/PKG-INFO", info):
        try:
            text = host.read(candidate, METADATA_LIMIT).decode("utf-8", "replace")
            break
        except HostError:
            continue  # its name may be all that is left of it
    metadata = parse_metadata(text)
    from_name = name.rpartition(".")[0].split("-")
    title = metadata.name or from_name[0]
    number = metadata.version or (from_name[1] if len(from_name) > 1 else "")
    try:
        version = Version(number)
    except ValueError:
        return None
    tags: tuple[str, ...] = ()
    if wheel:
        try:
            tags = parse_tags(host.read(f"{info}/WHEEL", 65536).decode("utf-8", "replace"))
        except HostError:
            tags = ()
    distribution = Distribution(
        name=normalise_name(title),
        version=version,
        location=path,
        requires=metadata.requires,
        tags=tags,
        requires_python=metadata.requires_python,
    )
    return Installed(distribution, info, described=bool(metadata.name and metadata.version))


class Metadata(NamedTuple):
    """What a METADATA file says of a package."""

    name: str
    """Its name as written."""
    version: str
    """Its version."""
    requires: tuple[str, ...]
    """Its requirements as written, without those of extras."""
    requires_python: str = ""
    """The Python versions that it is made for, as written."""


_FIELD = re.compile(r"^(Name|Version|Requires-Dist|Requires-Python):[ \t]*(.{1,1000}?)[ \t\r]*$", re.MULTILINE)
_EXTRA = re.compile(r"\bextra\s*==")


def parse_metadata(text: str) -> Metadata:
    """The fields of METADATA or PKG-INFO that matter here; empty ones where it has none."""
    header = text.replace("\r\n", "\n").partition("\n\n")[0]
    name = version = python = ""
    requires = []
    for field, value in _FIELD.findall(header):
        if field == "Name":
            name = name or value
        elif field == "Version":
            version = version or value
        elif field == "Requires-Python":
            python = python or value
        elif not _EXTRA.search(value):
            requires.append(value)
    return Metadata(name, version, tuple(requires), python)


def parse_tags(text: str) -> tuple[str, ...]:
    """The tags in a WHEEL file, `cp311-cp311-manylinux_2_28_x86_64`."""
    return tuple(re.findall(r"(?m)^Tag:[ \t]*(\S{1,200})[ \t\r]*$", text))


def normalise_name(name: str) -> str:
    """A package's name as indexes compare it: lower case, one hyphen for each run of `-`, `_` and `.`."""
    return re.sub(r"[-_.]+", "-", name).lower()


_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?)")


def required_name(requirement: str) -> str:
    """The normalised name in a requirement, `numpy` of `numpy>=1.26; python_version >= "3.9"`."""
    match = _REQUIREMENT.match(requirement)
    return normalise_name(match[1]) if match else ""


def files(host: Host, installed: Installed, kind: str, pattern: re.Pattern[bytes]) -> tuple[DistributionFile, ...]:
    """The files of a package whose record matches; the pattern's first group is the path, its second the size.

    What matched is remembered under the kind: another pattern takes another.

    A package that left no record (a distribution's own, a damaged one) has none that are known.
    """
    name = "RECORD" if installed.info.endswith(".dist-info") else "installed-files.txt"
    record = f"{installed.info}/{name}"
    base = installed.distribution.location if name == "RECORD" else installed.info

    def match() -> tuple[DistributionFile, ...]:
        found = []
        for match in pattern.finditer(host.read(record, RECORD_LIMIT)):
            path = f"{base}/{match[1].decode('utf-8', 'replace')}"
            path = posixpath.normpath(path) if ".." in path else path
            found.append(DistributionFile(path, int(match[2]) if match[2] else None))
        return tuple(found)

    try:
        return remembered(host, f"record {kind}", record, tuple[DistributionFile, ...], match)
    except HostError:
        return ()


PROBE = Probe("distributions", (DISTRIBUTIONS,), read)
"""Installed Python packages."""
