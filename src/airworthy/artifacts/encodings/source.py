"""A file that is read at offsets: a window that moves along, so that what no reader asks for is never read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import TracebackType

from airworthy.core.messages import say

BLOCK = 16 * 1024
"""Bytes that are read at a time while walking."""


class Source:
    """A file open for reading at offsets."""

    __slots__ = ("_base", "_block", "_file", "name", "size")

    name: str
    """The file's name, without its folder."""
    size: int
    """Its size in bytes when it was opened."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            OSError: it can't be opened, or is no regular file.
        """
        self.name = path.name
        self._file = open(path, "rb", buffering=0, opener=_open_at_once)  # noqa: SIM115 - pathlib has no opener
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise OSError(errno.EINVAL, say("it is not a regular file"), str(path))
        self.size = status.st_size
        self._block = b""
        self._base = 0

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def read(self, offset: int, count: int) -> bytes:
        """Bytes from an offset; fewer than asked for only where the file ends."""
        if offset >= self.size or count <= 0:
            return b""
        self._file.seek(offset)
        count = min(count, self.size - offset)
        parts = []
        while count > 0:
            part = self._file.read(count)
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def window(self, offset: int, least: int) -> tuple[bytes, int]:
        """A block and its offset in the file, with `least` bytes from `offset` in it, or all to the end of the file."""
        stop = min(offset + least, self.size)
        if not (self._base <= offset and stop <= self._base + len(self._block)):
            self._block = self.read(offset, max(BLOCK, least))
            self._base = offset
        return self._block, self._base


def _open_at_once(path: str, flags: int) -> int:
    # Without this, opening a named pipe waits until another process writes into it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


class Slice(Source):
    """A run of bytes of another file, read as if it were a file: a member that lies in an archive as it is."""

    __slots__ = ("_outer", "_start")

    def __init__(self, outer: Source, start: int, size: int, name: str) -> None:
        """Inspect `size` bytes from `start`; the outer file stays open for as long as this is used."""
        self.name = name
        self.size = max(0, min(size, outer.size - start))
        self._outer = outer
        self._start = start
        self._block = b""
        self._base = 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Leave the outer file open."""

    def read(self, offset: int, count: int) -> bytes:
        """Bytes from an offset; fewer than asked for only where it ends."""
        return self._outer.read(self._start + offset, min(count, self.size - offset)) if offset < self.size else b""


class Held(Source):
    """Bytes in memory, read as if they were a file: a small member that was unpacked."""

    __slots__ = ("_bytes",)

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        self.size = len(content)
        self._bytes = content
        self._block = content
        self._base = 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Nothing is open."""

    def read(self, offset: int, count: int) -> bytes:
        """Bytes from an offset; fewer than asked for only where it ends."""
        return self._bytes[offset : offset + max(count, 0)]
