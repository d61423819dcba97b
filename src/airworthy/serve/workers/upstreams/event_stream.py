"""A reader of event streams (`text/event-stream`): bytes in any cut, whole events out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_EVENT = 1 << 22
"""Bytes of one event; a longer one means that this is no stream of events."""


class EventTooLong(Exception):
    """An event longer than any answer's."""


class ServerEvent(NamedTuple):
    """One event, or a sign of life without data."""

    data: bytes
    """The lines of its data, joined; empty for a comment."""
    name: str = ""
    """Its type, where it names one."""


COMMENT = ServerEvent(b"")
"""A comment, or any other line without data: the server is alive."""


class EventStreamReader:
    """Takes bytes as they come and gives events; lines end with LF, CR LF or CR."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self._after_cr = False

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """Add bytes; give the events that they complete.

        Raises:
            EventTooLong: this is no stream of events.
        """
        if self._after_cr and data:
            self._after_cr = False
            if data[:1] == b"\n":
                data = data[1:]
        if data[-1:] == b"\r":
            self._after_cr = True
        pieces = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for piece in pieces[:-1]:
            line, self._line = bytes(self._line) + piece, bytearray()
            yield from self._take(line)
        self._line += pieces[-1]
        if len(self._line) + self._size > MAX_EVENT:
            raise EventTooLong

    def _take(self, line: bytes) -> Iterator[ServerEvent]:
        if not line:
            if self._data:
                event = ServerEvent(b"\n".join(self._data), self._name)
                self._data, self._size, self._name = [], 0, ""
                yield event
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value)
            if self._size > MAX_EVENT:
                raise EventTooLong
        elif field == b"event":
            self._name = value.decode(errors="replace")
        elif not field:
            yield COMMENT

    @property
    def is_in_event(self) -> bool:
        """Whether the bytes so far end within an event."""
        return bool(self._data or self._line)
