"""The worker's end of the socket to its gateway, blocking."""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Sequence

from airworthy.serve.tensors import Buffer
from airworthy.serve.workers.wire import AnyMessage, Cancel, Reader, Stop, encode

_CHUNK = 1 << 20
_KEEP_CANCELLED = 512
"""Runs that are remembered as given up; numbers only grow, so the largest are those that may still run."""
_JOINED = 1 << 16
"""Bytes up to which a frame's parts are joined: one call to the kernel costs more than copying them."""


class Channel:
    """Frames in and out, for any number of threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = Reader()
        # One buffer for all that comes: the C library makes room for as much as may come for each call
        # bytes, and what little stays of it keeps that room from being used again.
        self._chunk = memoryview(bytearray(_CHUNK))
        self._waiting: deque[tuple[AnyMessage, memoryview]] = deque()
        self._receiving = threading.Lock()
        self._ended = False
        self._sending = threading.Lock()
        self._cancelled: set[int] = set()

    def receive(self) -> tuple[AnyMessage, memoryview] | None:
        """The next frame; None, for every thread that asks, once the gateway is gone or has said stop."""
        with self._receiving:
            while not self._ended and not self._waiting:
                self._ended = not self._take()
            if self._ended:
                return None
            frame = self._waiting.popleft()
            self._ended = isinstance(frame[0], Stop)
            return None if self._ended else frame

    def is_cancelled(self, number: int) -> bool:
        """Whether no client waits for a run's outputs any more; frames that lie ready are read, without waiting."""
        # Where another thread is receiving, it is the one that sees them.
        if self._receiving.acquire(blocking=False):
            try:
                while select.select([self._socket], [], [], 0)[0]:
                    if not self._take():
                        raise ConnectionResetError("the gateway is gone")
            finally:
                self._receiving.release()
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
        size = self._socket.recv_into(self._chunk)
        for frame in self._reader.feed(self._chunk[:size]):
            if isinstance(frame[0], Cancel):
                self._cancelled.add(frame[0].id)
                if len(self._cancelled) > 2 * _KEEP_CANCELLED:
                    self._cancelled = set(sorted(self._cancelled)[-_KEEP_CANCELLED:])
            else:
                self._waiting.append(frame)
        return size > 0
