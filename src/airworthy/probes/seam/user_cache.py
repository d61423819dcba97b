"""The files under the user's cache directory in which `remembered` keeps what it read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

from airworthy.probes.seam.remembered import LARGEST, FactStorage
from airworthy.state.files import DIRECTORY_MODE, read_private, write_private

MOST_FILES = 32
"""Environments that are remembered; beyond it the one that was not checked for longest goes."""
_SUFFIX = ".msgpack"


def folder() -> Path | None:
    """The directory of this user's cache for Airworthy; None where there is no home to put it in."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given.startswith("/"):
        return Path(given) / "airworthy" / "read"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "airworthy" / "read"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "airworthy" / "Cache" / "read"
    return home / ".cache" / "airworthy" / "read"


def storage(name: str) -> FactStorage:
    """Where what was read of an environment is kept.

    Args:
        name: what distinguishes the environment from others: its interpreter's path.
    """
    path = folder()
    if path is None:
        return FactStorage(lambda: b"", lambda _: None)
    file = path / (hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32] + _SUFFIX)
    return FactStorage(lambda: _load(file), lambda data: _save(file, data))


def _load(file: Path) -> bytes:
    try:
        return read_private(file, LARGEST)
    except (OSError, ValueError):
        return b""


def _save(file: Path, data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):
        file.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        write_private(file, data, durable=False)
        _forget_old(file.parent)


def _forget_old(path: Path) -> None:
    """Keep the newest files; what a killed run left half-written goes as well once it is the oldest."""
    files = [entry for entry in os.scandir(path) if entry.is_file(follow_symlinks=False)]
    files.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime, reverse=True)
    for entry in files[MOST_FILES:]:
        os.unlink(entry)  # noqa: PTH108 - an entry of this directory
