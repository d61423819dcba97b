"""An environment restored from a lock: made beside the old one, proven, then put in its place; or nothing changes."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.environment import uv
from airworthy.environment.lockfile import LockedPackage

MARK = "pyvenv.cfg"
"""The file by which a virtual environment is known."""
ROOM = 64 * 1024 * 1024
"""Bytes that must stay free beyond what the files take."""
UNPACKED = 3.5
"""How many times a wheel's bytes its unpacked files take, at the most that was seen."""


class CannotRestore(AirworthyError):
    """An environment that can't be made from a lock."""

    code = "cannot-restore"
    message = "{path} cannot be restored: {reason}"
    hint = "what was there before is still there; {way_out}"


def recover(path: Path) -> bool:
    """Finish or take back what an interrupted restoration left; whether there was anything."""
    old, new = beside(path, "old"), beside(path, "new")
    found = old.exists() or new.exists()
    if old.exists() and not path.exists():
        old.rename(path)
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return found


def beside(path: Path, what: str) -> Path:
    """The folder next to an environment that holds another state of it."""
    return path.with_name(f".{path.name}.airworthy-{what}")


def prepare(
    path: Path,
    requirements: Path,
    indexes: uv.Indexes,
    *,
    python: str,
    packages: tuple[LockedPackage, ...],
    use_cache: bool = True,
) -> Path:
    """Make the environment beside its place, from a hashed list; the folder.

    Files are copies: uv's hard links would carry a patch of an installed file into its cache, and from there into
    every environment that is made after.

    Raises:
        CannotRestore: the place is taken by something else, there is no room, or a file can't be had.
    """
    if path.exists() and not (path / MARK).is_file():
        reason, way_out = say("it exists and is no virtual environment"), say("choose another folder")
        raise CannotRestore(path=path, reason=reason, way_out=way_out)
    parent = path.absolute().parent
    needed = int(UNPACKED * sum(max((wheel.size for wheel in each.wheels), default=0) for each in packages)) + ROOM
    try:
        parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(parent).free
    except OSError as error:
        raise CannotRestore(path=path, reason=error.strerror or error, way_out=say("choose another folder")) from None
    if free < needed:
        reason = say("it may take {needed:bytes}, and {free:bytes} are free", needed=needed, free=free)
        raise CannotRestore(path=path, reason=reason, way_out=say("make room, or choose another disk"))
    new = beside(path.absolute(), "new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        _run(path, ["venv", "--quiet", "--relocatable", "--no-project", "--python", python, str(new)])
        interpreter = new / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        words = [
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--allow-empty-requirements",
            "--python",
            str(interpreter),
        ]
        words += ["--link-mode", "copy", *([] if use_cache else ["--no-cache"])]
        _run(path, [*words, *indexes.words(), str(requirements)], limit=1800.0)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return new


def _run(path: Path, words: list[str], limit: float = 120.0) -> None:
    done = uv.run(words, limit=limit)
    if done.status != 0:
        reason = uv.last_words(done)
        way_out = say("check the index, or restore offline from --wheelhouse DIR")
        if "hash" in reason.lower():
            way_out = say("a file is not the one that was locked: do not install it; lock anew if it was replaced")
        raise CannotRestore(path=path, reason=reason, way_out=way_out)


def put_in_place(path: Path, new: Path) -> None:
    """Swap two folders by two renames.

    Raises:
        CannotRestore: a rename failed; what was there before is back.
    """
    path = path.absolute()
    old = beside(path, "old")
    try:
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise CannotRestore(path=path, reason=error.strerror or error, way_out=say("check its permissions")) from None
    with contextlib.suppress(OSError):
        shutil.rmtree(old)
