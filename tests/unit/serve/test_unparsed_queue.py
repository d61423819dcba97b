"""Who waits before the doors of a model, who comes in, and who is told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from airworthy.core.errors import AirworthyError
from airworthy.serve.access.unparsed_queue import MOST_HELD, UnparsedQueues
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.scheduling.capacity import BASE_QUEUE_REQUESTS, QueueFull

URL = b"/v2/models/m/infer"
POST = b"POST " + URL + b" HTTP/1.1\r\n"


class FakeServed:
    """A model whose queue is as long as it is said to be, and is full with so many more."""

    name = "m"
    ready = True

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 10 * BASE_QUEUE_REQUESTS
        self.refused = 0
        self.on_shorter: Callable[[], None] | None = lambda: None
        self.parked: Callable[[], int] = int

    def queue_full(self, arriving: int) -> QueueFull | None:
        return QueueFull(self.waiting + arriving, 2.0) if self.waiting + arriving >= self.most else None

    def count_rejected(self) -> None:
        self.refused += 1


class FakeConnection:
    held_since = 0.0

    def __init__(self, came: list[FakeConnection], doors: UnparsedQueues | None = None) -> None:
        self._came = came
        self.doors = doors

    def resume(self) -> None:
        if self.held_since:
            self.held_since = 0.0
            self._came.append(self)
            if self.doors is not None:
                assert self.doors.reject(URL) is None


def error_body(error: AirworthyError) -> bytes:
    return error.text.encode()


def run(talk: Callable[[UnparsedQueues, FakeServed], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        served = FakeServed()
        await talk(UnparsedQueues({URL: ("infer", served)}, error_body, Metrics(), BASE_QUEUE_REQUESTS), served)

    asyncio.run(main())


def test_nobody_waits_while_the_queue_is_short() -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting = BASE_QUEUE_REQUESTS - 1
        assert not doors.park(FakeConnection([]), POST)
        assert doors.reject(URL) is None
        assert doors.park(FakeConnection([]), POST), "the one before it is not in the queue yet, and counts"
        assert served.parked() == 1

    run(talk)


@pytest.mark.parametrize("data", [b"GET " + POST[5:], b"POST /v2/health HTTP/1.1\r\n", b"POST", POST[:20]])
def test_only_inference_waits(data: bytes) -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting = BASE_QUEUE_REQUESTS
        assert not doors.park(FakeConnection([]), data)

    run(talk)


def test_they_come_in_in_order_as_the_queue_gets_shorter() -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting, came = BASE_QUEUE_REQUESTS, []
        held: list[FakeConnection] = [FakeConnection(came, doors) for _ in range(5)]
        assert all(doors.park(each, POST) for each in held)
        held[1].held_since = 0.0  # its client has left
        served.waiting = BASE_QUEUE_REQUESTS - 2
        served.on_shorter()
        await asyncio.sleep(0)
        assert came == [held[0], held[2]]
        served.waiting = 0
        assert doors.park(late := FakeConnection(came), POST), "nobody overtakes those who wait"
        served.on_shorter()
        await asyncio.sleep(0)
        assert came == [held[0], held[2], held[3], held[4], late]
        assert served.parked() == 0

    run(talk)


def test_where_waiting_takes_too_long_the_answer_is_at_hand() -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting, served.most = BASE_QUEUE_REQUESTS, BASE_QUEUE_REQUESTS + 1
        assert doors.park(FakeConnection([]), POST)
        assert not doors.park(FakeConnection([]), POST)
        response = doors.reject(URL)
        assert response is not None
        assert response.status == 503
        assert b"257" in response.body
        assert dict(response.headers)[b"retry-after"]
        assert served.refused == 1
        assert doors.reject(b"/v2/health") is None

    run(talk)


def test_nobody_waits_for_ever() -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting, came = BASE_QUEUE_REQUESTS, []
        connection = FakeConnection(came)
        doors.park(connection, POST)
        now = connection.held_since
        doors.tick(now + MOST_HELD - 0.1)
        await asyncio.sleep(0)
        assert not came
        doors.tick(now + MOST_HELD)
        assert came == [connection]
        doors.park(FakeConnection(came), POST)
        served.ready = False
        doors.tick(now)
        assert len(came) == 2, "a model that is not ready makes no room; it is told so"

    run(talk)
