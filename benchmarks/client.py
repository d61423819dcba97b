"""A closed-loop HTTP load generator: prepared requests on kept connections, one event loop, exact latencies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Result:
    """What a run of load gave."""

    seconds: float
    """Time that was counted."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each answer that was counted."""
    statuses: dict[int, int] = field(default_factory=dict)
    """How many answers had which status."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that this share of the answers did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last is complete."""

    def __init__(self, requests: Sequence[bytes], first: int, load: _Load) -> None:
        self._requests = requests
        self._next = first
        self._load = load
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        start = self._buffer.lower().find(b"content-length:", 0, head) + 15
        length = int(self._buffer[start : self._buffer.find(b"\r", start)])
        if len(self._buffer) < head + 4 + length:
            return
        self._load.take(int(self._buffer[9:12]), self._sent)
        self._buffer = b""
        if self._load.running:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(exc)


class _Load:
    def __init__(self, warm_up: float, seconds: float, connections: int) -> None:
        now = time.perf_counter()
        self._from, self._to = now + warm_up, now + warm_up + seconds
        self.result = Result(seconds)
        self.running = True
        self._open = connections
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, status: int, sent: float) -> None:
        now = time.perf_counter()
        if self._from <= now < self._to:
            self.result.latencies.append(now - sent)
            self.result.statuses[status] = self.result.statuses.get(status, 0) + 1
        elif now >= self._to:
            self.running = False

    def lost(self, error: Exception | None) -> None:
        self._open -= 1
        if self.running and not self.done.done():
            self.done.set_exception(error or ConnectionResetError("the server closed a connection"))
        elif self._open == 0 and not self.done.done():
            self.done.set_result(None)


def http_request(host: str, path: str, body: bytes) -> bytes:
    """A POST request as bytes."""
    return b"POST %s HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        path.encode(),
        host.encode(),
        len(body),
        body,
    )


def closed_loop(
    host: str, port: int, requests: Sequence[bytes], connections: int, seconds: float, warm_up: float = 0.5
) -> Result:
    """Ask without pause on so many connections.

    Raises:
        OSError: a connection could not be made, or was closed by the server.
    """

    async def main() -> Result:
        loop = asyncio.get_running_loop()
        load = _Load(warm_up, seconds, connections)
        for number in range(connections):
            await loop.create_connection(lambda n=number: _Connection(requests, n, load), host, port)
        await asyncio.wait_for(load.done, warm_up + seconds + 30)
        return load.result

    import uvloop

    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()
