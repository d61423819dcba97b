"""Private files: only their owner reads them, a write is whole or not at all, and no symbolic link is followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
from pathlib import Path

from airworthy.core.messages import say

FILE_MODE = 0o600
"""Permissions of a private file."""
DIRECTORY_MODE = 0o700
"""Permissions of a directory that is made for private files."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP)


def private_directory(path: Path) -> None:
    """Make a directory for private files where there is none.

    An existing one keeps its permissions: its owner may share it with a group.

    Raises:
        OSError: it can't be made, is no directory, or every user may replace the files in it.
    """
    path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    mode = path.stat().st_mode
    if sys.platform != "win32" and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise PermissionError(errno.EPERM, say("every user may write to this directory; run `chmod o-w` on it"))


def private_file(path: Path) -> None:
    """Make an empty private file where there is none, and check one that exists.

    It is never opened: with the first descriptor of a file that a process closes, the process loses all locks on it
    (fcntl(2)), those of a database that another thread has open included.

    Raises:
        OSError: it can't be made, is a link, is no regular file, or is another user's.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        _make_empty(path)
        return
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    _check_status(status)
    # A copy or a restored backup may have come with wider permissions.
    if sys.platform != "win32" and status.st_mode & 0o077:
        path.chmod(FILE_MODE)


def _make_empty(path: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()


def read_private(path: Path, limit: int) -> bytes:
    """The bytes of a private file.

    Raises:
        OSError: it can't be read, is a link, is no regular file, is another user's, or holds more than the limit.
    """
    descriptor = _open(path)
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, say("it holds more than {limit:bytes}", limit=limit))
    return data


def write_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a private file, whole or not at all; a link of that name is replaced, not followed.

    Args:
        path: the file.
        data: all that it holds.
        durable: whether it must survive a loss of power from the moment this returns.

    Raises:
        OSError: it could not be written; what was there before is still there.
        ValueError: no file system takes such a name.
    """
    # mkstemp makes it 0600; the same directory, so that the rename stays within one file system.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    if durable:
        sync_directory(path.parent)


def _open(path: Path) -> int:
    descriptor = os.open(path, _READ)
    try:
        _check_status(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_status(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, say("it is no regular file"))
    # Another user's file could hold anything.
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise PermissionError(errno.EPERM, say("it belongs to another user"))


def sync_directory(path: Path) -> None:
    """Make a rename durable: until the directory is written, a loss of power may undo it."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:  # some network file systems sync no directories
            raise
    finally:
        os.close(descriptor)
