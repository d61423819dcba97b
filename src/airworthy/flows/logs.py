"""Reading logs as they come: plain or compressed, of any length, whole or while they are written."""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib
import io
import lzma
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from airworthy.core.errors import ExtraMissing, InputNotFound, InputUnreadable
from airworthy.core.messages import say
from airworthy.flows.files import STANDARD_INPUT, reason, standard_input

PIECE = 1024 * 1024
"""Bytes of a log that are read at once."""
POLL = 0.25
"""Seconds between two reads of a log that is followed."""
QUIET = 1.0
"""Seconds without a new line after which a failure has reported all it has to report."""

_DAMAGED: tuple[type[Exception], ...] = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def pieces(path: str) -> Iterator[bytes]:
    """A log in pieces; `-` is standard input. gzip, zstd, xz and bzip2 are recognised by their first bytes.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read, or what is compressed is damaged from its beginning.
        ExtraMissing: it is zstd, and no library for that is installed.
    """
    try:
        stream = standard_input() if path == STANDARD_INPUT else Path(path).open("rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise InputNotFound(path=path, cwd=Path.cwd()) from None
    except (OSError, ValueError) as error:
        raise InputUnreadable(path=path, reason=reason(error)) from None
    try:
        yield from _decoded(_unpacked(stream, path))
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputUnreadable(path=path, reason=reason(error) or type(error).__name__) from None
    finally:
        if path != STANDARD_INPUT:
            stream.close()


def _unpacked(stream: BinaryIO, path: str) -> Iterator[bytes]:
    head = stream.read(PIECE)
    for magic, unpack in _PACKED.items():
        if head.startswith(magic):
            return _lenient(unpack(_Pushed(head, stream)), path)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        zstd = _zstd(path)
        return _lenient(zstd.ZstdFile(io.BufferedReader(_Pushed(head, stream), PIECE)), path, zstd.ZstdError)
    return _plain(head, stream)


def _plain(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    while head:
        yield head
        head = stream.read(PIECE)


def _lenient(stream: Any, path: str, *damaged: type[Exception]) -> Iterator[bytes]:
    """A log that is still being written, or was cut when the machine died, ends in the middle: what is there counts."""
    anything = False
    while True:
        try:
            data = stream.read(PIECE)
        except (*_DAMAGED, *damaged) as error:
            if anything:
                return
            raise InputUnreadable(path=path, reason=str(error)) from None
        if not data:
            return
        anything = True
        yield data


class _Pushed(io.RawIOBase):
    """A stream with the bytes put back that were read to recognise its kind."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._head:
            self._head = self._stream.read(min(len(buffer), PIECE))
        count = min(len(buffer), len(self._head))
        buffer[:count] = self._head[:count]
        self._head = self._head[count:]
        return count


def _gzip(stream: _Pushed) -> Any:
    return gzip.GzipFile(fileobj=cast("BinaryIO", io.BufferedReader(stream, PIECE)))


def _bzip2(stream: _Pushed) -> Any:
    return bz2.BZ2File(cast("BinaryIO", io.BufferedReader(stream, PIECE)))


def _xz(stream: _Pushed) -> Any:
    return lzma.LZMAFile(cast("BinaryIO", io.BufferedReader(stream, PIECE)))


_PACKED: dict[bytes, Callable[[_Pushed], Any]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bzip2,
    b"\xfd7zXZ\x00": _xz,
}


def _zstd(path: str) -> Any:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise ExtraMissing(job=say("reading {path}", path=path), library=name, extra="zstd") from None


def _decoded(parts: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-16, as PowerShell writes it, turned into UTF-8; everything else as it is."""
    first = next(parts, b"")
    encoding = _UTF16.get(first[:2])
    if encoding is None:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from parts
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first[2:]).encode()
    for part in parts:
        yield decoder.decode(part).encode()


def follow(path: str, *, stop: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """What is in a log and what is written to it, until `stop`; empty bytes after each quiet moment.

    A log that is replaced or cut short, as rotation does it, is read from its new beginning.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read.
    """
    if path == STANDARD_INPUT:
        yield from _standard_pieces()
        return
    try:
        stream: BinaryIO = Path(path).open("rb")  # noqa: SIM115 - it is replaced when the log is
    except FileNotFoundError:
        raise InputNotFound(path=path, cwd=Path.cwd()) from None
    except OSError as error:
        raise InputUnreadable(path=path, reason=reason(error)) from None
    quiet_since, told = time.monotonic(), True
    try:
        while not stop():
            data = stream.read(PIECE)
            if data:
                quiet_since, told = time.monotonic(), False
                yield data
                continue
            if not told and time.monotonic() - quiet_since >= QUIET:
                told = True
                yield b""
            replaced = _replacement(path, stream)
            if replaced is not None:
                stream.close()
                stream = replaced
                continue
            time.sleep(POLL)
    finally:
        stream.close()


def _replacement(path: str, stream: BinaryIO) -> BinaryIO | None:
    """The file that has taken the place of the one that is read, or the same one from its beginning when it shrank."""
    try:
        here, there = os.fstat(stream.fileno()), Path(path).stat()
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            return Path(path).open("rb")
    except OSError:
        return None  # between the removal of the old file and the making of the new one
    if there.st_size < stream.tell():
        stream.seek(0)
    return None


def _standard_pieces() -> Iterator[bytes]:
    source = standard_input()
    read = source.read1 if isinstance(source, io.BufferedReader) else source.read
    while data := read(64 * 1024):
        yield data
        yield b""
