"""The HTTP server under the gateway: listens, holds the connections, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

from airworthy.core.settings import ServeSettings
from airworthy.serve.http.connection import FRAMING, Connection, EarlyGate, Handler
from airworthy.serve.http.memory import MemoryTrimmer

ACCEPTS = 64
"""Connections that are taken at a time."""
RECOVER = 0.5
"""Seconds after which connections are taken again once there was no descriptor for one."""
MARGIN = 2.0
"""Seconds beyond the drain after which what is left is cut off."""
SWEEP_INTERVAL_S = 0.1
"""Seconds between two checks of the connections' times."""
RESERVE = 128
"""Open files that connections leave to everything else."""
MOST_CONNECTIONS = 1 << 16
"""Connections that are held at the same time, where the limit of open files allows it."""


class Server:
    """Serves an application until it is asked to stop."""

    def __init__(self, answer: Handler, settings: ServeSettings, doors: EarlyGate | None = None) -> None:
        """Make a server.

        Args:
            answer: gives the answer to a request.
            settings: its bounds.
            doors: knows who must wait before anything is made of what came.
        """
        self.max_head = settings.limits.max_headers + settings.limits.max_url
        self.max_wire = settings.limits.max_body * FRAMING + settings.limits.max_headers
        self.head_timeout = settings.limits.header_timeout
        self.stopping = False
        self.connections: set[Connection] = set()
        """The connections that are open."""
        self.answer = answer
        self.doors = doors
        self._grace = settings.drain + MARGIN
        self._most = _most_connections()
        self._returns = MemoryTrimmer()
        self._changed = asyncio.Event()
        self._opening: set[asyncio.Task[None]] = set()

    def opened(self, connection: Connection) -> bool:
        """A connection is there; whether there is room for it."""
        self.connections.add(connection)
        return len(self.connections) <= self._most

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if self.stopping:
            self._changed.set()

    async def serve(self, sock: socket.socket) -> None:
        """Accept connections on a listening, non-blocking socket until `stop`, then wait for what is under way."""
        loop = asyncio.get_running_loop()
        loop.add_reader(sock.fileno(), self._accept, sock)
        looking = loop.create_task(self._look())
        try:
            while not self.stopping:
                await self._wait(None)
            self._stop_listening(sock)
            for connection in tuple(self.connections):
                connection.retire()
            end = loop.time() + self._grace
            while self.connections and (left := min(end, loop.time() + self._grace) - loop.time()) > 0:
                await self._wait(left)
        finally:
            looking.cancel()
            self._stop_listening(sock)
            for connection in tuple(self.connections):
                connection.abort()
            # One turn of the loop, in which the transports report their connections of the end.
            await asyncio.sleep(0)

    def stop(self, *, now: bool = False) -> None:
        """Accept no connection any more and end once each request has an answer; `now` does not wait."""
        self.stopping = True
        if now:
            self._grace = 0.0
        self._changed.set()

    def _accept(self, sock: socket.socket) -> None:
        """Take connections that wait, several at a time.

        The loop itself would take one a turn, which is too few when turns are long.
        """
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTS):
            try:
                client, _ = sock.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError:
                # No descriptor or memory is left: what is open goes on, and those who wait are asked again later.
                loop.remove_reader(sock.fileno())
                loop.call_later(RECOVER, self._accept_again, sock)
                return
            client.setblocking(False)
            opening = loop.create_task(self._open(client))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    def _accept_again(self, sock: socket.socket) -> None:
        if not self.stopping and sock.fileno() >= 0:
            asyncio.get_running_loop().add_reader(sock.fileno(), self._accept, sock)

    async def _open(self, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self), client)
        except OSError:  # gone before it was here
            client.close()

    def _stop_listening(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()

    async def _wait(self, timeout: float | None) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)
        self._changed.clear()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            self._look_once(loop.time())

    def _look_once(self, now: float) -> None:
        for connection in tuple(self.connections):
            connection.tick(now)
        if self.doors is not None:
            self.doors.tick(now)
        self._returns.tick(len(self.connections), now)


def _most_connections() -> int:
    """How many connections there is room for, after raising the limit of open files as far as it goes."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + RESERVE
    best = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < best:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
            soft = best
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(soft, wanted) - RESERVE)
