"""A lock by PEP 751 (`pylock.toml`): read, completed with the edges between packages, compared.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from airworthy.causes.requirements import evaluate, marker_environment, normalise
from airworthy.core.errors import AirworthyError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSION = "1.0"
"""The version of the format that is written; readers take every 1.x."""


class LockUnreadable(AirworthyError):
    """A file that is no lock."""

    code = "lock-unreadable"
    message = "{path} is no lock: {reason}"
    hint = "make one with `airworthy lock`"


class LockedFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A distribution that a lock names."""

    name: str
    """Its file name."""
    url: str
    """Where it lies: an address, or a path beside the lock."""
    sha256: str
    """Its hash, hexadecimal."""
    size: int = 0
    """Its bytes; 0 where the lock does not say."""


class LockedPackage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One package of a lock."""

    name: str
    """Its normalised name."""
    version: str
    """Its version."""
    marker: str = ""
    """Where it is installed; empty for everywhere."""
    requires_python: str = ""
    """The Python versions that it is made for."""
    dependencies: tuple[str, ...] = ()
    """The packages of the lock that it requires."""
    wheels: tuple[LockedFile, ...] = ()
    """Its wheels."""
    sdist: LockedFile | None = None
    """Its source distribution."""


class LockPlatform(NamedTuple):
    """A platform that locks are made for."""

    name: str
    """What users call it."""
    system: str
    """The kernel's name, as in markers."""
    machine: str
    """The architecture as on Linux."""
    tags: tuple[str, ...]
    """Patterns of the platform tags of wheels that it takes."""


PLATFORMS = (
    LockPlatform("linux-x86_64", "Linux", "x86_64", (r"(many)?linux\w*_x86_64",)),
    LockPlatform("linux-aarch64", "Linux", "aarch64", (r"(many)?linux\w*_aarch64",)),
    LockPlatform("macos-arm64", "Darwin", "aarch64", (r"macosx_\w+_(arm64|universal2)",)),
    LockPlatform("windows-x86_64", "Windows", "x86_64", (r"win_amd64",)),
)
"""The platforms of a lock, as `--help` lists them."""


GRID = tuple(f"3.{minor}" for minor in range(8, 16))
"""Versions of Python on which markers are tried."""


class Coverage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a lock holds for one platform and version of Python."""

    platform: str
    """The platform's name."""
    python: str
    """The version of Python, `3.11`."""
    packages: int
    """Packages that are installed there."""
    built: tuple[str, ...] = ()
    """Packages without a wheel for it, which are built from source there."""
    missing: tuple[str, ...] = ()
    """Packages with neither a wheel for it nor a source distribution: it cannot be restored there."""


def parse_lock(data: bytes, path: str = "pylock.toml") -> tuple[LockedPackage, ...]:
    """Read a lock.

    Raises:
        LockUnreadable: it is not TOML, of another version, or lacks what the format asks of it.
    """
    try:
        document: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LockUnreadable(path=path, reason=error) from None
    if str(document.get("lock-version", "")).partition(".")[0] != "1":
        raise LockUnreadable(path=path, reason=f"lock-version is {document.get('lock-version')!r}, and 1.0 is read")
    try:
        packages = document.get("packages", [])
        return tuple(_package(each) for each in packages)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LockUnreadable(path=path, reason=f"a package lacks or garbles {error}") from None


def _package(row: Mapping[str, Any]) -> LockedPackage:
    sdist = row.get("sdist")
    return LockedPackage(
        name=normalise(str(row["name"])),
        version=str(row.get("version", "")),
        marker=str(row.get("marker", "")),
        requires_python=str(row.get("requires-python", "")),
        dependencies=tuple(normalise(str(each["name"])) for each in row.get("dependencies", ())),
        wheels=tuple(_file(each) for each in row.get("wheels", ())),
        sdist=_file(sdist) if sdist else None,
    )


def _file(row: Mapping[str, Any]) -> LockedFile:
    url = str(row.get("path") or row["url"])
    name = str(row.get("name") or url.partition("#")[0].rpartition("/")[2])
    size = row.get("size", 0)
    return LockedFile(name.replace("%2B", "+"), url, str(row["hashes"]["sha256"]), size if isinstance(size, int) else 0)


_VIA = re.compile(r"#\s+(?:via\s+)?(?P<by>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*$")
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==")


def edges_of_requirements(text: str) -> dict[str, set[str]]:
    """Which package brings which, from the `# via` remarks of a compiled list: package → those it requires."""
    edges: dict[str, set[str]] = {}
    current = ""
    for row in text.splitlines():
        pinned = _PINNED.match(row)
        if pinned:
            current = normalise(pinned["name"])
        elif current and row.startswith("    #") and " -r " not in row and " -c " not in row:
            via = _VIA.search(row)
            if via and via["by"] != "via":
                edges.setdefault(normalise(via["by"]), set()).add(current)
    return edges


def with_dependencies(pylock: str, edges: Mapping[str, Iterable[str]]) -> str:
    """A lock with the `dependencies` of each package filled in, so that others can draw a tree from it.

    Of a package that is locked in two versions, each gets those that are installed beside it somewhere.
    """
    packages = parse_lock(pylock.encode())
    counts = Counter(each.name for each in packages)
    beside: dict[tuple[str, str], set[str]] = {}
    for platform in PLATFORMS if any(count > 1 for count in counts.values()) else ():
        for python in GRID:
            there = installed_there(packages, platform, python)
            names = {each.name for each in there}
            for each in there:
                if counts[each.name] > 1:
                    beside.setdefault((each.name, each.version), set()).update(names)
    rows, name = [], ""
    for row in pylock.splitlines():
        rows.append(row)
        if row == "[[packages]]":
            name = ""
        elif row.startswith("name = ") and not name:
            name = normalise(row.partition('"')[2].rpartition('"')[0])
        elif row.startswith("version = ") and name:
            version = row.partition('"')[2].rpartition('"')[0]
            possible = beside.get((name, version))
            wanted = sorted(each for each in edges.get(name, ()) if each in (counts if possible is None else possible))
            if wanted:
                inner = ", ".join(f'{{ name = "{each}" }}' for each in wanted)
                rows.append(f"dependencies = [{inner}]")
            name = " "  # the next `name` belongs to the next package
    return "\n".join(rows) + "\n"


def installed_there(packages: Iterable[LockedPackage], platform: LockPlatform, python: str) -> list[LockedPackage]:
    """The packages whose markers hold on a platform."""
    full = python if python.count(".") > 1 else f"{python}.0"
    environment = marker_environment(full, platform.system, "", platform.machine)
    judged: dict[str, bool] = {"": True}
    found = []
    for each in packages:
        if each.marker not in judged:
            judged[each.marker] = evaluate(each.marker, environment)
        if judged[each.marker]:
            found.append(each)
    return found


def coverage(packages: Iterable[LockedPackage], pythons: Iterable[str]) -> tuple[Coverage, ...]:
    """For each platform and version of Python, what has to be built there and what cannot be had at all."""
    packages = tuple(packages)
    found = []
    for platform in PLATFORMS:
        for python in pythons:
            there = installed_there(packages, platform, python)
            without = [each for each in there if not any(_fits(wheel.name, platform, python) for wheel in each.wheels)]
            found.append(
                Coverage(
                    platform.name,
                    python,
                    len(there),
                    tuple(each.name for each in without if each.sdist),
                    tuple(each.name for each in without if not each.sdist),
                )
            )
    return tuple(found)


def _fits(wheel: str, platform: LockPlatform, python: str) -> bool:
    """Whether a wheel's tags take a platform and a version of Python (CPython)."""
    parts = wheel.removesuffix(".whl").split("-")
    if len(parts) < 5:
        return False
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    if not any(each == "any" or any(re.fullmatch(tag, each) for tag in platform.tags) for each in platforms):
        return False
    number = int("".join(python.split(".")[1:2]) or 0)
    for tag in pythons:
        match = re.fullmatch(r"(cp|py)3(\d*)", tag)
        if match is None:
            continue
        minor = int(match[2]) if match[2] else 0
        exact = any(abi == f"cp3{number}" for abi in abis)
        if (match[1] == "py" and minor <= number and "none" in abis) or (
            match[1] == "cp" and minor == number and exact
        ):
            return True
        if match[1] == "cp" and minor <= number and ("abi3" in abis or ("none" in abis and minor == number)):
            return True
    return False


class LockChange(msgspec.Struct, frozen=True):
    """One package that differs between two locks."""

    package: str
    """Its name."""
    old: tuple[str, ...]
    """Its versions in the first."""
    new: tuple[str, ...]
    """Its versions in the second."""
    files: bool
    """Whether the files differ though the versions are the same."""


def difference(old: Iterable[LockedPackage], new: Iterable[LockedPackage]) -> tuple[LockChange, ...]:
    """What differs between two locks, by package."""
    sides: list[dict[str, dict[str, set[str]]]] = []
    for packages in (old, new):
        side: dict[str, dict[str, set[str]]] = {}
        for each in packages:
            files = {file.sha256 for file in (*each.wheels, *((each.sdist,) if each.sdist else ()))}
            side.setdefault(each.name, {}).setdefault(each.version, set()).update(files)
        sides.append(side)
    found = []
    for name in sorted({*sides[0], *sides[1]}):
        one, other = sides[0].get(name, {}), sides[1].get(name, {})
        if one != other:
            found.append(LockChange(name, tuple(sorted(one)), tuple(sorted(other)), one.keys() == other.keys()))
    return tuple(found)
