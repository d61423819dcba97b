"""The tar archive in an encrypted model, written and read as a stream: nothing of it ever is a file.

`age -d -i KEY NAME.tar.age | tar x` restores the model. What airworthy knew of it stands first, as the comment of a
global header, which the format (POSIX pax) lets every other reader pass over.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Union

import msgspec

from airworthy.artifacts.encryption.errors import ArchiveDamaged, ListDamaged
from airworthy.artifacts.encryption.paths import MOST_FILES, unsafe
from airworthy.core.errors import InputUnreadable
from airworthy.core.messages import say

BLOCK = 512
"""Bytes of a header, and what files are padded to."""
MOST_EXTENSION = 1024 * 1024
"""Bytes of an extended header. Some readers take no longer one."""
_PIECE = 1024 * 1024
_REST = 1 << 62

Piece = Union[bytes, memoryview]
Sink = Callable[[Piece], object]


class TarMember(msgspec.Struct, frozen=True):
    """A file in the archive."""

    path: str
    """Its path, with slashes; empty where the payload is no archive but one file."""
    size: int
    """Its bytes; 0 where they are not known."""


# --- writing ---


def blocks(members: Iterable[tuple[Path, TarMember]], comment: str) -> Iterator[Piece]:
    """The archive, piece by piece.

    Args:
        members: the files, and what they are in the archive.
        comment: the comment of its global header; none if empty.

    Raises:
        InputUnreadable: a file can't be read, or changes meanwhile.
    """
    if comment:
        yield tarfile.TarInfo.create_pax_global_header({"comment": comment})
    for place, member in members:
        info = tarfile.TarInfo(member.path)
        info.size = member.size
        yield info.tobuf(tarfile.PAX_FORMAT)
        yield from _content(place, member.size)
        yield bytes(-member.size % BLOCK)
    yield bytes(2 * BLOCK)


def _content(path: Path, size: int) -> Iterator[Piece]:
    try:
        with path.open("rb", buffering=0) as stream:
            while size > 0:
                piece = stream.read(min(size, _PIECE))
                if not piece:
                    raise InputUnreadable(path=path, reason=say("it became shorter while it was read"))
                size -= len(piece)
                yield piece
            if stream.read(1):
                raise InputUnreadable(path=path, reason=say("it became longer while it was read"))
    except OSError as error:
        raise InputUnreadable(path=path, reason=error.strerror or str(error)) from None


class PieceReader:
    """Pieces as what is read from, a few bytes at a time."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def read(self, count: int) -> bytes:
        """Some bytes, at most `count`; none at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        taken, self._left = self._left[:count], self._left[count:]
        return bytes(taken)


# --- reading ---


class ArchiveReader:
    """A reader that is fed the archive's bytes as they come.

    It takes what GNU tar, bsdtar and Python write of files and folders, and refuses links and devices. A payload that
    does not begin as an archive is one file.
    """

    def __init__(
        self, path: object, begin: Callable[[TarMember], Sink | None], comment: Callable[[str], object]
    ) -> None:
        """Make a reader.

        Args:
            path: the encrypted file, for errors.
            begin: is called with every file, in order; gives what takes its bytes, or None to pass over them.
            comment: is called with the comment of a global header before the first file.
        """
        self._path = path
        self._begin = begin
        self._comment = comment
        self._held = bytearray()
        self._wanted = BLOCK
        self._extension = ""
        self._local: dict[str, str] = {}
        self._sink: Sink | None = None
        self._left = 0
        self._padding = 0
        self._name = ""
        self._raw = False
        self._ended = False
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._headers = 0

    def feed(self, data: Piece) -> None:
        """Take some more bytes.

        Raises:
            ListDamaged: a name leads out of the folder, stands twice, or is that of a link or a device.
            ArchiveDamaged: it is no archive.
        """
        view = memoryview(data)
        while view and not self._ended:
            if self._left:
                part = view[: self._left]
                if self._sink is not None:
                    self._sink(part)
                self._left -= len(part)
            elif self._padding:
                part = view[: self._padding]
                self._padding -= len(part)
            else:
                part = view[: self._wanted - len(self._held)]
                self._held += part
                if len(self._held) == self._wanted:
                    held, self._held, self._wanted = bytes(self._held), bytearray(), BLOCK
                    self._step(held)
            view = view[len(part) :]

    def end(self) -> None:
        """There are no more bytes.

        Raises:
            ArchiveDamaged: the archive ends within a file.
        """
        if self._raw or self._ended:
            return
        if not self._headers:  # shorter than any archive
            self._take_raw(bytes(self._held))
        elif self._left or self._padding or self._held:
            raise ArchiveDamaged(path=self._path, reason=say("it ends within {name}", name=self._name))

    def _step(self, held: bytes) -> None:
        if self._extension:
            kind, self._extension = self._extension, ""
            self._padding = -len(held) % BLOCK
            self._extend(kind, held)
            return
        if not any(held):
            if not self._headers:
                self._take_raw(held)
                return
            self._ended = True
            return
        if not _checks(held):
            if self._headers:
                raise ArchiveDamaged(path=self._path, reason=say("there is no header after {name}", name=self._name))
            self._take_raw(held)
            return
        self._headers += 1
        size = _number(held[124:136])
        kind = chr(held[156])
        if size is None or not 0 <= size < _REST:
            raise ArchiveDamaged(path=self._path, reason=say("a size is no number"))
        if kind in "xgLK":
            if size > MOST_EXTENSION:
                raise ArchiveDamaged(path=self._path, reason=say("an extended header has {size:bytes}", size=size))
            if size:
                self._extension, self._wanted = kind, size
            return
        local, self._local = self._local, {}
        self._start(held, kind, local, size)

    def _start(self, held: bytes, kind: str, local: dict[str, str], size: int) -> None:
        """A header of a file or folder."""
        name = local["path"] if "path" in local else _name(held)
        if "size" in local:
            if not (local["size"].isascii() and local["size"].isdigit() and len(local["size"]) < 19):
                raise ArchiveDamaged(path=self._path, reason=say("a size is no number"))
            size = int(local["size"])
        name = name.removeprefix("./").rstrip("/") if kind == "5" else name.removeprefix("./")
        if kind == "5" and name in ("", "."):
            return
        if kind not in "0\0" + "75":
            raise ListDamaged(path=self._path, reason=say("{name!r} is no file", name=name[:200]))
        if unsafe(name):
            raise ListDamaged(path=self._path, reason=say("it names {path!r}, outside of the folder", path=name[:200]))
        self._name = name
        if kind == "5":
            size = 0
            self._folders.add(name)
        else:
            if name in self._files:
                raise ListDamaged(path=self._path, reason=say("it names {path!r} twice", path=name[:200]))
            self._files.add(name)
        self._folders.update(parent.as_posix() for parent in PurePosixPath(name).parents)
        if name in (self._folders if kind != "5" else self._files) or self._files & {
            parent.as_posix() for parent in PurePosixPath(name).parents
        }:
            raise ListDamaged(path=self._path, reason=say("{path!r} is a file and a folder", path=name[:200]))
        if max(len(self._files), len(self._folders)) > MOST_FILES:
            raise ListDamaged(path=self._path, reason=say("it names more than {count} files", count=MOST_FILES))
        self._left, self._padding = size, -size % BLOCK
        self._sink = None if kind == "5" else self._begin(TarMember(name, size))

    def _extend(self, kind: str, held: bytes) -> None:
        """The body of an extended header."""
        if kind == "L":
            self._local["path"] = _text(held.rstrip(b"\0"))
        elif kind == "x":
            self._local.update(self._records(held))
        elif kind == "g" and not self._files and (comment := self._records(held).get("comment")):
            self._comment(comment)

    def _records(self, held: bytes) -> dict[str, str]:
        found: dict[str, str] = {}
        at = 0
        while at < len(held):
            space = held.find(b" ", at, at + 20)
            digits = held[at:space] if space > 0 else b""
            length = int(digits) if digits.isdigit() else 0
            record = held[at : at + length]
            key, equals, value = record[space - at + 1 : -1].partition(b"=")
            if length <= space - at + 1 or len(record) < length or not record.endswith(b"\n") or not equals:
                raise ArchiveDamaged(path=self._path, reason=say("an extended header cannot be read"))
            found[_text(key)] = _text(value)
            at += length
        return found

    def _take_raw(self, held: bytes) -> None:
        self._raw = True
        self._left = _REST
        self._sink = self._begin(TarMember("", 0))
        if self._sink is not None and held:
            self._sink(held)


def _checks(header: bytes) -> bool:
    """Whether a header's checksum is right: the sum of its bytes, with spaces where the sum stands."""
    stated = _number(header[148:156])
    return stated is not None and stated == sum(header[:148]) + 8 * 32 + sum(header[156:])


def _number(field: bytes) -> int | None:
    if field[0] & 0x80:  # GNU's way to write large ones
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    return int(digits or b"0", 8) if all(digit in b"01234567" for digit in digits) else None


def _name(header: bytes) -> str:
    name = _text(header[:100].split(b"\0", 1)[0])
    prefix = _text(header[345:500].split(b"\0", 1)[0]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
