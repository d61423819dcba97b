"""Which services run on this state directory: a locked file each, so that a service that was killed is none."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from airworthy.state.files import private_directory, read_private

FOLDER = "services"
"""The folder of these files, in the state directory."""
MAX_SERVICES = 1000
"""Files of that folder that are read."""
_MAX_BYTES = 64 * 1024


class RunningService(msgspec.Struct, frozen=True):
    """A service that serves releases."""

    id: str
    """Its own name for this run."""
    pid: int
    """Its process."""
    url: str
    """Its base URL."""
    names: tuple[str, ...]
    """The names of releases that it serves."""


@contextlib.contextmanager
def announced(directory: Path, url: str, names: Sequence[str]) -> Iterator[str]:
    """Let others know of a service for the length of a block; gives its own name for this run.

    Raises:
        OSError: the folder can't be written to.
    """
    folder = directory / FOLDER
    private_directory(folder)
    service = f"{os.getpid()}-{secrets.token_hex(4)}"
    path = folder / f"{service}.json"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, msgspec.json.encode(RunningService(service, os.getpid(), url, tuple(names))))
        yield service
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def running(directory: Path, name: str = "") -> list[RunningService]:
    """The services that run, of those that serve a name; files of services that were killed are removed."""
    found = []
    for path in sorted((directory / FOLDER).glob("*.json"))[:MAX_SERVICES]:
        try:
            if not _is_locked(path):
                path.unlink(missing_ok=True)
                continue
            service = msgspec.json.decode(read_private(path, _MAX_BYTES), type=RunningService)
        except (OSError, msgspec.MsgspecError):
            continue
        if not name or name in service.names:
            found.append(service)
    return found


def _is_locked(path: Path) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl

    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        # Between its making and its lock a file is of a service that begins.
        return os.fstat(stream.fileno()).st_size == 0
