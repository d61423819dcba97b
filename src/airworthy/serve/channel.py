"""The worker's end of the socket to its gateway, blocking."""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Sequence

from airworthy.serve.tensors import Buffer
from airworthy.serve.wire import AnyMessage, Cancel, Reader, encode

_CHUNK = 1 << 20
_JOINED = 1 << 16
"""Bytes up to which a frame's parts are joined: one call to the kernel costs more than copying them."""


class Channel:
    """Frames in and out. One thread receives; any may send."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = Reader()
        self._waiting: deque[tuple[AnyMessage, memoryview]] = deque()
        self._sending = threading.Lock()
        self._cancelled: set[int] = set()

    def receive(self) -> tuple[AnyMessage, memoryview] | None:
        """The next frame; None when the gateway is gone."""
        while not self._waiting:
            if not self._take():
                return None
        return self._waiting.popleft()

    def is_cancelled(self, number: int) -> bool:
        """Whether nobody waits for a run's answer any more; frames that lie ready are looked at, without waiting."""
        while select.select([self._socket], [], [], 0)[0]:
            if not self._take():
                raise ConnectionResetError("the gateway is gone")
        return number in self._cancelled

    def send(self, message: AnyMessage, data: Sequence[Buffer] = ()) -> None:
        """Write a frame."""
        parts = encode(message, data)
        with self._sending:
            if sum(map(len, parts)) < _JOINED:
                self._socket.sendall(b"".join(parts))
            else:
                for part in parts:
                    self._socket.sendall(part)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _take(self) -> bool:
        data = self._socket.recv(_CHUNK)
        for frame in self._reader.feed(data):
            if isinstance(frame[0], Cancel):
                self._cancelled.add(frame[0].id)
            else:
                self._waiting.append(frame)
        return bool(data)
