"""The opcodes of a pickle, one after the other, as C's unpickler reads them from a file.

Stricter than it in one thing: a FRAME has to hold whole opcodes and end before or with the pickle. C's unpickler reads
a frame into memory and, where an opcode goes on past the frame's end, drops what is left of the frame and reads on
behind it, or does not, by how large the frame is and what it reads from; Python's own unpickler refuses such a frame.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from airworthy.core.messages import say

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of opcodes and texts that are followed in one file."""
MOST_OPCODES = 4_000_000
"""Opcodes that are followed in one file."""
LARGE = 64 * 1024
"""Bytes of a text or of bytes from which they are stepped over: no name is as long."""
_BLOCK = 64 * 1024
_STOP, _FRAME = b".\x95"
_END = say("it ends before its last opcode does")


class Unfollowable(Exception):
    """A pickle does what a tensor file never does, or more than is followed."""


class Impossible(Exception):
    """A pickle that no unpickler could load."""


class PickleTruncated(Impossible):
    """A pickle ends in the middle: no unpickler could load it, were there no more of it."""


class Readable(Protocol):
    """The part of a binary file that is needed here."""

    def read(self, count: int, /) -> bytes:
        """The next bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def tell(self) -> int:
        """The place in the file."""


class Bounded:
    """A file whose reading is limited, in bytes and in opcodes, over all pickles in it."""

    def __init__(self, file: Readable, most: int = MOST_BYTES) -> None:
        self._file = file
        self._base = file.tell()
        self._buffer = b""
        self._at = 0
        self._most = most
        self._left = most
        self.size = file.seek(0, io.SEEK_END)
        """Where the file ends."""
        file.seek(self._base)
        self.opcodes = MOST_OPCODES
        """Opcodes that may still be followed."""
        self.frame = 0
        """Where the frame ends that the last opcode lies in; 0 outside of frames."""

    def read(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            Ended: there are fewer.
            Unfollowable: they are more than is followed.
        """
        start = self._at
        if start + count > len(self._buffer):
            self._fill(count)
            start = 0
        self._at = start + count
        return self._buffer[start : self._at]

    def byte(self) -> int:
        """The next byte."""
        if self._at >= len(self._buffer):
            self._fill(1)
        self._at += 1
        return self._buffer[self._at - 1]

    def readline(self) -> bytes:
        """The next line, without its end."""
        end = self._buffer.find(b"\n", self._at)
        while end < 0:
            known = len(self._buffer) - self._at
            self._fill(known + 1, 2 * known)
            end = self._buffer.find(b"\n", known)
        line = self._buffer[self._at : end]
        self._at = end + 1
        return line

    def skip(self, count: int) -> None:
        """Step over bytes that are no opcodes; they don't count.

        Raises:
            Ended: there are fewer.
        """
        if count > self.size - self.tell():
            raise PickleTruncated(_END)
        self.rewind(self.tell() + count)

    def tell(self) -> int:
        """The place in the file."""
        return self._base + self._at

    def rewind(self, place: int) -> None:
        """Go to a place."""
        if not self._base <= place <= self._base + len(self._buffer):
            self._left -= self._at
            self._file.seek(place)
            self._base, self._buffer, self._at = place, b"", 0
        self._at = place - self._base

    def _fill(self, count: int, more: int = 0) -> None:
        """Read so that the buffer begins with the next bytes, as many as asked for and some more.

        Raises:
            Ended: there are fewer than asked for.
            Unfollowable: they are more than is followed.
        """
        place = self.tell()
        self._left -= self._at
        self._buffer, self._base, self._at = self._buffer[self._at :], place, 0
        if count > self.size - place:
            raise PickleTruncated(_END)
        if count > self._left:
            raise Unfollowable(say("it is longer than {limit:bytes}", limit=self._most))
        self._file.seek(place)
        self._buffer = self._file.read(min(max(count + more, _BLOCK), self._left))
        if len(self._buffer) < count:
            raise PickleTruncated(_END)


class Opaque:
    """A value that nothing depends on."""


OPAQUE = Opaque()
"""The one of it."""


def steps(file: Bounded) -> Iterator[tuple[str, Any]]:
    """The names and arguments of the opcodes of the pickle that starts where the file stands, to its STOP.

    Raises:
        Impossible: no unpickler could go on.
        Unfollowable: unpicklers differ in how they go on, or it is longer than is followed.
    """
    file.frame = 0
    opcodes = _OPCODES
    while True:
        if file.opcodes <= 0:
            raise Unfollowable(say("it has more than {count} steps", count=MOST_OPCODES))
        file.opcodes -= 1
        if file.frame and file.tell() >= file.frame:
            if file.tell() > file.frame:
                raise Unfollowable(say("a frame of it ends within an opcode, and unpicklers differ in what follows"))
            file.frame = 0
        code = file.byte()
        found = opcodes[code]
        if found is None:
            raise Impossible(say("there is no opcode {code}", code=hex(code)))
        name, argument = found
        if argument is not None:
            yield name, argument(file)
        elif code == _FRAME:
            _enter_frame(file)
        else:
            yield name, None
            if code == _STOP:
                break
    if file.frame and file.frame != file.tell():
        raise Unfollowable(say("a frame of it goes on behind its end, and unpicklers differ in what follows"))


def _enter_frame(file: Bounded) -> None:
    length = int.from_bytes(file.read(8), "little")
    if file.frame:
        raise Unfollowable(say("it has a frame within a frame, and unpicklers differ in what follows"))
    if length == 0:
        raise Unfollowable(say("it has an empty frame, which no pickler writes"))
    if length > file.size - file.tell():
        raise PickleTruncated(say("a frame of it goes on behind the end of the file"))
    file.frame = file.tell() + length


def _little(width: int, *, signed: bool = False) -> Callable[[Bounded], int]:
    return lambda file: int.from_bytes(file.read(width), "little", signed=signed)


def _sized(width: int, made: Callable[[bytes], Any] | None, *, signed: bool = False) -> Callable[[Bounded], Any]:
    """Bytes after their number; those that nothing depends on, and long ones, are stepped over."""

    def argument(file: Bounded) -> Any:
        size = int.from_bytes(file.read(width), "little", signed=signed)
        if size < 0:
            raise Impossible(say("it has a text of fewer than no bytes"))
        if made is None or size > LARGE:
            file.skip(size)
            return OPAQUE
        return made(file.read(size))

    return argument


def _whole(text: bytes) -> int:
    """A number as C reads it: `I0x10` and `L0o7` are numbers, too."""
    if text in (b"00", b"01"):
        return text == b"01"
    try:
        return int(text)
    except ValueError:
        return int(text, 0)


def _quoted(text: bytes) -> str:
    text = text.rstrip(b" \t\r\v\f") if text[-1:] not in (b"'", b'"') else text
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise Impossible(say("it has a text without quotes"))
    return codecs.escape_decode(text[1:-1])[0].decode("latin-1")


def _utf8(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")


def _latin(text: bytes) -> str:
    # Python 2 wrote its bytes so, and loaders choose how to decode them: names are ASCII in all of the ways.
    return text.decode("latin-1")


def _name(file: Bounded) -> str:
    return file.readline().decode("utf-8")


def _global(file: Bounded) -> tuple[str, str]:
    return _name(file), _name(file)


def _double(file: Bounded) -> Opaque:
    file.read(8)
    return OPAQUE


def _signed(text: bytes) -> int:
    return int.from_bytes(text, "little", signed=True)


def _long_text(file: Bounded) -> int:
    return _whole(file.readline().removesuffix(b"L"))


def _extension(file: Bounded) -> int:
    code = int.from_bytes(file.read(4), "little", signed=True)
    if code <= 0:
        raise Impossible(say("it has an extension's code below one"))
    return code


_Argument = Callable[[Bounded], Any]
_TABLE: dict[str, tuple[bytes, _Argument | None]] = {
    "MARK": (b"(", None),
    "STOP": (b".", None),
    "POP": (b"0", None),
    "POP_MARK": (b"1", None),
    "DUP": (b"2", None),
    "FLOAT": (b"F", lambda file: float(file.readline())),
    "INT": (b"I", lambda file: _whole(file.readline())),
    "BININT": (b"J", _little(4, signed=True)),
    "BININT1": (b"K", Bounded.byte),
    "LONG": (b"L", _long_text),
    "BININT2": (b"M", _little(2)),
    "NONE": (b"N", None),
    "PERSID": (b"P", lambda file: file.readline().decode("ascii")),
    "BINPERSID": (b"Q", None),
    "REDUCE": (b"R", None),
    "STRING": (b"S", lambda file: _quoted(file.readline())),
    "BINSTRING": (b"T", _sized(4, _latin, signed=True)),
    "SHORT_BINSTRING": (b"U", _sized(1, _latin)),
    "UNICODE": (b"V", lambda file: file.readline().decode("raw-unicode-escape")),
    "BINUNICODE": (b"X", _sized(4, _utf8)),
    "APPEND": (b"a", None),
    "BUILD": (b"b", None),
    "GLOBAL": (b"c", _global),
    "DICT": (b"d", None),
    "EMPTY_DICT": (b"}", None),
    "APPENDS": (b"e", None),
    "GET": (b"g", lambda file: int(file.readline())),
    "BINGET": (b"h", Bounded.byte),
    "INST": (b"i", _global),
    "LONG_BINGET": (b"j", _little(4)),
    "LIST": (b"l", None),
    "EMPTY_LIST": (b"]", None),
    "OBJ": (b"o", None),
    "PUT": (b"p", lambda file: int(file.readline())),
    "BINPUT": (b"q", Bounded.byte),
    "LONG_BINPUT": (b"r", _little(4)),
    "SETITEM": (b"s", None),
    "TUPLE": (b"t", None),
    "EMPTY_TUPLE": (b")", None),
    "SETITEMS": (b"u", None),
    "BINFLOAT": (b"G", _double),
    "PROTO": (b"\x80", Bounded.byte),
    "NEWOBJ": (b"\x81", None),
    "EXT1": (b"\x82", Bounded.byte),
    "EXT2": (b"\x83", _little(2)),
    "EXT4": (b"\x84", _extension),
    "TUPLE1": (b"\x85", None),
    "TUPLE2": (b"\x86", None),
    "TUPLE3": (b"\x87", None),
    "NEWTRUE": (b"\x88", None),
    "NEWFALSE": (b"\x89", None),
    "LONG1": (b"\x8a", _sized(1, _signed)),
    "LONG4": (b"\x8b", _sized(4, _signed, signed=True)),
    "BINBYTES": (b"B", _sized(4, None)),
    "SHORT_BINBYTES": (b"C", _sized(1, None)),
    "SHORT_BINUNICODE": (b"\x8c", _sized(1, _utf8)),
    "BINUNICODE8": (b"\x8d", _sized(8, _utf8)),
    "BINBYTES8": (b"\x8e", _sized(8, None)),
    "EMPTY_SET": (b"\x8f", None),
    "ADDITEMS": (b"\x90", None),
    "FROZENSET": (b"\x91", None),
    "NEWOBJ_EX": (b"\x92", None),
    "STACK_GLOBAL": (b"\x93", None),
    "MEMOIZE": (b"\x94", None),
    "FRAME": (b"\x95", None),
    "BYTEARRAY8": (b"\x96", _sized(8, None)),
    "NEXT_BUFFER": (b"\x97", None),
    "READONLY_BUFFER": (b"\x98", None),
}
_BY_CODE = {code[0]: (name, argument) for name, (code, argument) in _TABLE.items()}
_OPCODES = tuple(_BY_CODE.get(code) for code in range(256))
