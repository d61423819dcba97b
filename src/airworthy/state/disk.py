"""Operations on files that must survive a crash, one method each, so that a test can end the process before any."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from pathlib import Path

from airworthy.state.files import DIRECTORY_MODE, sync_directory

_FICLONE = 0x40049409
_NO_CLONE = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EACCES)
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP)


class DiskOperations:
    """The file system."""

    def make_directory(self, path: Path) -> None:
        """Make a directory and those above it, where there is none."""
        path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)

    def take(self, source: Path, target: Path) -> str:
        """Give a file a second name; where the file system can't, copy it.

        Args:
            source: the file.
            target: the new name; nothing may be there.

        Returns:
            `clone` where both share their blocks until one is written to, `link` for a hard link, `copy`.
        """
        if _clone(source, target):
            return "clone"
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
        else:
            return "link"
        shutil.copyfile(source, target)
        return "copy"

    def link(self, source: Path, target: Path) -> None:
        """Give a file of the same file system a second name."""
        os.link(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """Rename a file, in place of what is there; or a directory, where nothing is."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone already is no error."""
        path.unlink(missing_ok=True)

    def remove_tree(self, path: Path) -> None:
        """Remove a directory with all that is in it; one that is gone already is no error."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)

    def sync(self, path: Path) -> None:
        """Make the content of a file durable."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        sync_directory(path)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write bytes to an open file, all of them.

        Raises:
            OSError: they could not be written; a part of them may have been.
        """
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync_data(self, descriptor: int) -> None:
        """Make what was written to an open file durable."""
        getattr(os, "fdatasync", os.fsync)(descriptor)


DISK = DiskOperations()
"""The file system as it is."""


def _clone(source: Path, target: Path) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    made = False
    try:
        with source.open("rb") as given, target.open("xb") as new:
            made = True
            fcntl.ioctl(new.fileno(), _FICLONE, given.fileno())
    except OSError as error:
        if made:
            target.unlink(missing_ok=True)
        if error.errno not in _NO_CLONE:
            raise
        return False
    return True
