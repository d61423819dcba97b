"""Whether installed files are those of the wheels that a lock names: wheel by its hash, files by the wheel's record."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from airworthy.core.messages import say
from airworthy.environment.lockfile import LockedFile, LockedPackage
from airworthy.environment.wheelhouse import sha256_of
from airworthy.probes.python.records import parse_record

_ADDED = ("/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json", "/RECORD.jws", "/RECORD.p7s")


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was proven of an environment by the wheels that it was made from."""

    packages: int
    """Packages whose wheel was there and had the locked hash."""
    files: int
    """Files whose recorded hash is that in the wheel."""
    unproven: tuple[str, ...] = ()
    """Packages of which no wheel was there, such as those built from source."""
    faults: tuple[str, ...] = ()
    """What is not as in the wheels, one line each."""


def prove(
    chosen: Iterable[tuple[LockedPackage, LockedFile | None]], wheels: Path, recorded: dict[str, dict[str, str]]
) -> Proof:
    """Compare records of an environment with those in the wheels.

    Args:
        chosen: the packages with the file that was installed of each.
        wheels: the folder with these files.
        recorded: package → path below the environment's folder of packages → hash as its record has it.
    """
    packages = files = 0
    unproven, faults = [], []
    for package, file in chosen:
        path = wheels / file.name if file is not None else None
        if file is None or path is None or not file.name.endswith(".whl") or not path.is_file():
            unproven.append(package.name)
            continue
        if sha256_of(path) != file.sha256:
            faults.append(say("{name} in the wheelhouse is not the file that was locked", name=file.name))
            continue
        there = recorded.get(package.name)
        if there is None:
            faults.append(say("{name} has no record", name=package.name))
            continue
        try:
            rows = _record_of(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            faults.append(say("{name} cannot be read: {reason}", name=file.name, reason=error))
            continue
        packages += 1
        for name, digest in rows.items():
            # Scripts and data are moved, and scripts rewritten for the interpreter.
            if not digest or name.endswith(_ADDED) or ".data/" in name:
                continue
            if there.get(name) == digest:
                files += 1
            else:
                faults.append(say("{name}: {path} is not as in its wheel", name=package.name, path=name))
    return Proof(packages=packages, files=files, unproven=tuple(unproven), faults=tuple(faults))


def _record_of(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/RECORD") and each.count("/") == 1)
        text = archive.read(name).decode("utf-8", "replace")
    return {row.path.lstrip("/"): row.digest for row in parse_record(text, "/")}
