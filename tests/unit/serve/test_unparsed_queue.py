"""Who waits before the doors of a model, who comes in, and who is told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from airworthy.core.errors import AirworthyError
from airworthy.serve.access.unparsed_queue import MOST_HELD, UnparsedQueues
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.models.served import ServedModel
from airworthy.serve.scheduling.capacity import QUEUE, QueueFull

URL = b"/v2/models/m/infer"
POST = b"POST " + URL + b" HTTP/1.1\r\n"


class FakeServed:
    """A model whose queue is as long as it is said to be, and is full with so many more."""

    name = "m"
    ready = True

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 10 * QUEUE
        self.refused = 0
        self.on_room: Callable[[], None] = lambda: None
        self.held: Callable[[], int] = int

    def full(self, coming: int) -> QueueFull | None:
        return QueueFull(self.waiting + coming, 2.0) if self.waiting + coming >= self.most else None

    def turned_away(self) -> None:
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
        await talk(UnparsedQueues({URL: ("infer", cast("ServedModel", served))}, error_body, Metrics()), served)

    asyncio.run(main())


def test_nobody_waits_while_the_queue_is_short() -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting = QUEUE - 1
        assert not doors.park(FakeConnection([]), POST)
        assert doors.reject(URL) is None
        assert doors.park(FakeConnection([]), POST), "the one before it is not in the queue yet, and counts"
        assert served.held() == 1

    run(talk)


@pytest.mark.parametrize("data", [b"GET " + POST[5:], b"POST /v2/health HTTP/1.1\r\n", b"POST", POST[:20]])
def test_only_inference_waits(data: bytes) -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting = QUEUE
        assert not doors.park(FakeConnection([]), data)

    run(talk)


def test_they_come_in_in_order_as_the_queue_gets_shorter() -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting, came = QUEUE, []
        held: list[FakeConnection] = [FakeConnection(came, doors) for _ in range(5)]
        assert all(doors.park(each, POST) for each in held)
        held[1].held_since = 0.0  # its client has left
        served.waiting = QUEUE - 2
        served.on_room()
        await asyncio.sleep(0)
        assert came == [held[0], held[2]]
        served.waiting = 0
        assert doors.park(late := FakeConnection(came), POST), "nobody overtakes those who wait"
        served.on_room()
        await asyncio.sleep(0)
        assert came == [held[0], held[2], held[3], held[4], late]
        assert served.held() == 0

    run(talk)


def test_where_waiting_takes_too_long_the_answer_is_at_hand() -> None:
    async def talk(doors: UnparsedQueues, served: FakeServed) -> None:
        served.waiting, served.most = QUEUE, QUEUE + 1
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
        served.waiting, came = QUEUE, []
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
