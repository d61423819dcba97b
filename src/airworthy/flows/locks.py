"""Reading and writing locks: what one was made from, its packages, the files that an interpreter takes of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet
from airworthy.environment import wheelhouse
from airworthy.environment.lockfile import LockedPackage, LockPlatform, LockUnreadable, installed_there, parse_lock
from airworthy.environment.restore import CannotRestore, beside, put_in_place
from airworthy.flows.files import OutputFailed, read, reason

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = "airworthy.lock"
"""Where a lock lies unless another folder is named."""


class LockSource(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """`lock.toml`: what a lock was made from, so that it can be made again and compared."""

    schema: int = 1
    """The number of this form."""
    source: str = ""
    """The file, relative to the lock's folder, or `environment`."""
    source_sha256: str = ""
    """Its hash when the lock was made."""
    project: str = ""
    """The project that requires the packages, which the lock does not hold."""
    extras: tuple[str, ...] = ()
    """The project's extras that it was made with."""
    groups: tuple[str, ...] = ()
    """Its groups."""
    accelerator: str = ""
    """What wheels were chosen for."""
    python: str = ""
    """The oldest Python that it is for."""
    made_by: str = ""
    """The programs that made it."""


def packages_of(folder: Path) -> tuple[LockedPackage, ...]:
    """The packages of a lock: of its folder, or of a `pylock.toml`.

    Raises:
        InputNotFound: there is no such lock.
        LockUnreadable: it is no lock.
    """
    path = folder / "pylock.toml" if folder.is_dir() else folder
    return parse_lock(read(str(path)), str(path))


def source_of(folder: Path) -> LockSource:
    """What a lock was made from; an empty one for a lock of another program.

    Raises:
        LockUnreadable: the description is no TOML or has other fields.
    """
    path = folder / "lock.toml"
    if not path.is_file():
        return LockSource()
    try:
        return msgspec.convert(tomllib.loads(read(str(path)).decode("utf-8", "replace")), LockSource)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise LockUnreadable(path=path, reason=error) from None


def here(packages: Sequence[LockedPackage], installed: InstalledSet) -> list[LockedPackage]:
    """The packages of a lock whose markers hold for an environment."""
    return installed_there(packages, LockPlatform("here", installed.system, installed.machine, ()), installed.python)


def chosen_files(packages: Sequence[LockedPackage], installed: InstalledSet) -> list[tuple[LockedPackage, Any]]:
    """The packages of a lock that belong into an environment, each with the file that its interpreter takes."""
    from packaging.tags import compatible_tags, cpython_tags

    numbers = installed.python.split(".")
    version = (int(numbers[0]), int(numbers[1]))
    tags = [str(tag) for tag in (*cpython_tags(version), *compatible_tags(version, f"cp{version[0]}{version[1]}"))]
    there = here(packages, installed)
    return [(each, wheelhouse.choose(each, tags)) for each in there]


def write_lock(folder: Path, files: dict[str, str]) -> None:
    """Replace all files of a lock, or none.

    Raises:
        OutputFailed: they could not be written; what was there before is still there.
    """
    new = beside(folder.absolute(), "new")
    try:
        if folder.exists() and not (folder / "lock.toml").is_file() and any(folder.iterdir()):
            raise OutputFailed(path=folder, reason=say("it exists and is no lock"))
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text, encoding="utf-8", newline="\n")
        put_in_place(folder, new)
    except (OSError, CannotRestore) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise OutputFailed(path=folder, reason=reason(error)) from None
