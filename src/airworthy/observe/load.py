"""A load generator for HTTP: closed loop and open loop with Poisson arrivals, exact latencies, answers checked.

One event loop on kept connections, with prepared requests, so that it takes little of the machine that it measures. In
the open loop the latency counts from the scheduled arrival, so a server that stalls can't hide it by being asked less.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say

MOST_HEAD = 64 * 1024
"""Bytes that a response's head may have."""
GIVE_UP = 30.0
"""Seconds that are waited for answers after the end of the load."""


class CannotAsk(AirworthyError):
    """No connection to the service could be made."""

    code = "cannot-ask"
    message = "{url} cannot be asked: {reason}"
    hint = "check that the service runs there: `curl {url}/health`"
    exit = Exit.FINDINGS


class LoadResult(msgspec.Struct, kw_only=True):
    """What a run of load gave."""

    mode: str
    """`closed` or `open`."""
    clients: int
    """Connections in the closed loop; the most that were open in the open loop."""
    offered: float
    """Requests a second that were to be sent; 0 in the closed loop."""
    seconds: float
    """Time that was counted."""
    latencies: list[float] = []
    """Seconds of each answer with status 200 that was counted."""
    statuses: dict[int, int] = {}
    """How many answers had which status."""
    lost: int = 0
    """Requests whose connection broke."""
    unanswered: int = 0
    """Requests without an answer at the end."""

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in seconds that this share of the good answers did not exceed; 0 without any."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def goodput(self, slo: float) -> float:
        """Good answers a second that came within `slo` seconds."""
        return sum(latency <= slo for latency in self.latencies) / self.seconds


class _Answers:
    """Takes a connection's bytes and gives the status of each whole answer."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[int]:
        """Add bytes; the statuses of the answers that they complete.

        Raises:
            ValueError: not HTTP, or an answer without a length.
        """
        self._buffer += data
        statuses = []
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"\r\ncontent-length:")
            if not head.startswith(b"http/1.") or at < 0:
                raise ValueError(say("an answer without a length"))
            length = int(head[at + 17 :].partition(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                break
            statuses.append(int(head[9:12]))
            del self._buffer[: end + 4 + length]
        if len(self._buffer) > MOST_HEAD and self._buffer.find(b"\r\n\r\n") < 0:
            raise ValueError(say("an answer whose head has no end"))
        return statuses


class _Connection(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self, on_answer: Callable[[_Connection, int], None], on_lost: Callable[[_Connection], None]) -> None:
        self._answers = _Answers()
        self._on_answer = on_answer
        self._on_lost = on_lost
        self.since = 0.0
        """From when the latency of the request on its way counts; 0 for none."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def ask(self, request: bytes, since: float) -> None:
        """Send a request."""
        self.since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        try:
            statuses = self._answers.feed(data)
        except ValueError:
            self._transport.abort()
            return
        for status in statuses:
            self._on_answer(self, status)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._on_lost(self)

    def close(self) -> None:
        """Close it."""
        self._transport.abort()


class _Load:
    """What both loops share: connections, the window that counts, the outcome."""

    def __init__(self, host: str, port: int, requests: Sequence[bytes], warm_up: float, outcome: LoadResult) -> None:
        self._host, self._port = host, port
        self._requests = requests
        self._next = 0
        self.outcome = outcome
        self._from = time.perf_counter() + warm_up
        self._to = self._from + outcome.seconds
        self._connections: set[_Connection] = set()

    async def connect(self) -> _Connection:
        """Open one more connection."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self.answered, self.gone), self._host, self._port
        )
        self._connections.add(connection)
        return connection

    def request(self) -> bytes:
        """The next request."""
        self._next += 1
        return self._requests[self._next % len(self._requests)]

    def count(self, since: float, status: int) -> None:
        """An answer came."""
        now = time.perf_counter()
        counted_by = since if self.outcome.mode == "open" else now
        if self._from <= counted_by < self._to:
            self.outcome.statuses[status] = self.outcome.statuses.get(status, 0) + 1
            if status == 200:
                self.outcome.latencies.append(now - since)

    def answered(self, connection: _Connection, status: int) -> None:
        """An answer came on a connection."""
        raise NotImplementedError

    def gone(self, connection: _Connection) -> None:
        """A connection broke or was closed."""
        if connection in self._connections:
            self._connections.discard(connection)
            if connection.since:
                self.outcome.lost += 1

    def close(self) -> None:
        """Close what is open, and count what is on its way."""
        for connection in tuple(self._connections):
            self.outcome.unanswered += bool(connection.since)
            self._connections.discard(connection)
            connection.close()


class _Closed(_Load):
    async def run(self) -> None:
        for _ in range(self.outcome.clients):
            connection = await self.connect()
            connection.ask(self.request(), time.perf_counter())
        await _until(lambda: not self._connections, self._to)
        await _until(lambda: not any(each.since for each in self._connections), self._to + GIVE_UP)
        self.close()

    def answered(self, connection: _Connection, status: int) -> None:
        self.count(connection.since, status)
        now = time.perf_counter()
        connection.since = 0.0
        if now < self._to:
            connection.ask(self.request(), now)


class _Open(_Load):
    def __init__(self, *args: object, rate: float, most: int, seed: int) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._idle: list[_Connection] = []
        self._late: deque[float] = deque()
        self._rate = rate
        self._most = most
        self._random = random.Random(seed)  # noqa: S311 - arrivals, not secrets

    async def run(self) -> None:
        due = time.perf_counter()
        while due < self._to:
            due += self._random.expovariate(self._rate)
            pause = due - time.perf_counter()
            if pause > 0.0005:
                await asyncio.sleep(pause)
            await self._send(due)
        await _until(lambda: not self._late and not any(each.since for each in self._connections), self._to + GIVE_UP)
        self.outcome.unanswered += len(self._late)
        self.close()

    async def _send(self, due: float) -> None:
        due = min(due, time.perf_counter())  # the shortest pauses are not waited for
        if self._idle:
            self._idle.pop().ask(self.request(), due)
        elif len(self._connections) < self._most:
            connection = await self.connect()
            self.outcome.clients = max(self.outcome.clients, len(self._connections))
            connection.ask(self.request(), due)
        else:
            self._late.append(due)

    def answered(self, connection: _Connection, status: int) -> None:
        self.count(connection.since, status)
        connection.since = 0.0
        if self._late:
            connection.ask(self.request(), self._late.popleft())
        else:
            self._idle.append(connection)

    def gone(self, connection: _Connection) -> None:
        super().gone(connection)
        if connection in self._idle:
            self._idle.remove(connection)


async def _until(over: Callable[[], bool], end: float) -> None:
    """Wait for a condition or a time, looking a hundred times a second."""
    while (left := end - time.perf_counter()) > 0 and not over():  # noqa: ASYNC110 - ends by time as well
        await asyncio.sleep(min(0.01, left))


def http_request(host: str, path: str, body: bytes) -> bytes:
    """A POST request as bytes."""
    return b"POST %s HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        path.encode(),
        host.encode(),
        len(body),
        body,
    )


def closed_loop(
    host: str, port: int, requests: Sequence[bytes], *, clients: int, seconds: float, warm_up: float = 0.5
) -> LoadResult:
    """Let so many clients ask without pause.

    Args:
        host: the server's address.
        port: its port.
        requests: whole HTTP requests; they are sent in turn.
        clients: connections.
        seconds: how long answers are counted.
        warm_up: seconds before that.

    Raises:
        CannotAsk: no connection could be made.
    """
    outcome = LoadResult(mode="closed", clients=clients, offered=0.0, seconds=seconds, latencies=[], statuses={})
    return _drive(lambda: _Closed(host, port, requests, warm_up, outcome), host, port)


def open_loop(
    host: str,
    port: int,
    requests: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    warm_up: float = 0.5,
    most: int = 1024,
    seed: int = 1,
) -> LoadResult:
    """Send requests at random times, so many a second on average, whatever the server does.

    Args:
        host: the server's address.
        port: its port.
        requests: whole HTTP requests; they are sent in turn.
        rate: arrivals a second.
        seconds: how long arrivals are counted.
        warm_up: seconds before that.
        most: connections at the most; an arrival that finds all of them busy waits, and its wait counts.
        seed: of the arrivals.

    Raises:
        CannotAsk: no connection could be made.
    """
    outcome = LoadResult(mode="open", clients=0, offered=rate, seconds=seconds, latencies=[], statuses={})
    return _drive(lambda: _Open(host, port, requests, warm_up, outcome, rate=rate, most=most, seed=seed), host, port)


def _drive(make: Callable[[], _Closed | _Open], host: str, port: int) -> LoadResult:
    async def main() -> LoadResult:
        load = make()
        try:
            await load.run()
        finally:
            load.close()
        return load.outcome

    loop = asyncio.new_event_loop()
    try:
        import uvloop
    except ImportError:
        pass
    else:
        loop.close()
        loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(main())
    except OSError as error:
        raise CannotAsk(url=f"http://{host}:{port}", reason=error.strerror or error) from None
    finally:
        loop.close()
