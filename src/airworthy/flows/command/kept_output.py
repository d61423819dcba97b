"""What a command printed, kept within bounds, and descriptors written to until all is out."""

from __future__ import annotations

import os
import threading
import time
from collections import deque

HEAD = 1024 * 1024
"""Bytes kept of the beginning of what a command prints."""


TAIL = 8 * 1024 * 1024
"""Bytes kept of its end."""


PIECE = 64 * 1024
"""Bytes passed on at once."""


class KeptOutput:
    """The beginning and the end of what a command prints, in whole lines."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._lock = threading.Lock()
        self._head, self._head_room = bytearray(), head
        self._tail: deque[bytes] = deque()
        self._tail_size, self._tail_room = 0, tail
        self._open: dict[int, bytes] = {}

    def add(self, source: int, data: bytes) -> None:
        """Take more of one of the streams; a line without an end waits for it, so that streams don't mix in it."""
        whole = self._open.pop(source, b"") + data
        end = whole.rfind(b"\n") + 1
        if end < len(whole) and len(whole) - end <= PIECE:
            self._open[source] = whole[end:]
            whole = whole[:end]
        if whole:
            self._keep(whole)

    def _keep(self, data: bytes) -> None:
        with self._lock:
            if self._head_room > 0 and not self._tail:
                taken = data[: self._head_room]
                self._head += taken
                self._head_room -= len(taken)
                data = data[len(taken) :]
            if data:
                self._tail.append(data)
                self._tail_size += len(data)
                while self._tail_size > self._tail_room:
                    self._tail_size -= len(self._tail.popleft())

    def all(self) -> bytes:
        """What was kept."""
        for source in list(self._open):
            self._keep(self._open.pop(source) + b"\n")
        return bytes(self._head) + b"".join(self._tail)


def write_all(number: int, data: bytes) -> bool:
    """Write to a descriptor until all is written; False where no process reads any more."""
    view = memoryview(data)
    try:
        while view:
            written = _write_some(number, view)
            view = view[written:]
            if not written:
                time.sleep(0.005)
    except OSError:
        return False
    return True


def _write_some(number: int, data: memoryview) -> int:
    """How many bytes went out; 0 where the other side has no room now."""
    try:
        return os.write(number, data)
    except BlockingIOError:
        return 0
