"""The queue of unparsed requests of busy models: requests wait unread, or are asked to come again.

Under overload most of the time would go into requests that can't run yet. A parsed request takes ten times
its bytes; thousands of them no longer fit in the CPU caches. Where the path alone names the model, its
queue is asked before anything is made of what came. A queue that is long enough keeps its runners busy; who comes then
waits as bytes. Where even that would take too long, the answer is at hand.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from airworthy.core.errors import AirworthyError
from airworthy.serve import errors
from airworthy.serve.http.messages import Response, headers_of
from airworthy.serve.metrics.metrics import Metrics

FRESH = 0.1
"""Seconds that prepared answers are good for; they state how many wait."""
VARIANTS = 8
"""Answers that are prepared at a time, each with another time to come again."""
MOST_HELD = 5.0
"""Seconds that a request is held at the most, whatever the queue does; what is read then has its deadline."""
LONGEST = 512
"""Bytes of a request in which its URL is looked for."""
_POST = b"POST "

Places = Mapping[bytes, "tuple[str, GatedModel]"]
"""URLs of inference as they are sent → the route's name in the metrics, and the model."""


class GatedModel(Protocol):
    """What the gate needs of a model."""

    name: str
    """Its name."""
    on_shorter: Callable[[], None] | None
    """Called when its queue has become shorter."""
    parked: Callable[[], int]
    """How many of its requests wait unparsed."""

    @property
    def waiting(self) -> int:
        """Requests in its queue."""

    @property
    def ready(self) -> bool:
        """Whether it takes requests now."""

    def queue_full(self, arriving: int) -> tuple[int, float] | None:
        """How many wait and when to come again, where it takes no request; None where the request decides.

        Args:
            arriving: requests that were let in or wait here, and are not in its queue yet.
        """

    def count_rejected(self) -> None:
        """Count a request that was refused because the queue is full."""


class ParkedConnection(Protocol):
    """A connection whose request waits unread."""

    held_since: float
    """When it came, on the event loop's clock; 0 once it does not wait any more."""

    def resume(self) -> None:
        """Read it now."""


class UnparsedQueues:
    """The doors of all models."""

    def __init__(
        self, places: Places, error_body: Callable[[AirworthyError], bytes], meters: Metrics, park_from: int
    ) -> None:
        """Make a gate.

        Args:
            places: where requests may wait.
            error_body: an error as the body of a response.
            meters: the service's counters.
            park_from: length of a model's queue from which on its requests wait unparsed.
        """
        self._error_body = error_body
        self._meters = meters
        doors = {served.name: UnparsedQueue(served, park_from) for _, served in places.values()}
        self._doors = tuple(doors.values())
        self._places = {url: (route, doors[served.name]) for url, (route, served) in places.items()}

    def switch(self, served: GatedModel) -> None:
        """Let another version of a model take the requests that wait."""
        for door in self._doors:
            if door.name == served.name:
                door.switch(served)

    def park(self, connection: ParkedConnection, data: bytes) -> bool:
        """Whether a request that begins so waits unread; the connection is called once it may come in."""
        if not data.startswith(_POST):
            return False
        place = self._places.get(data[5 : data.find(b" ", 5, LONGEST)])
        return place is not None and place[1].park(connection)

    def reject(self, target: bytes) -> Response | None:
        """The answer to a request for this URL; None to read the request."""
        place = self._places.get(target)
        if place is None:
            return None
        route, door = place
        waiting = door.full()
        if waiting is None:
            return None
        self._meters.requests.add(route, 503)
        return door.answer(self._answer, *waiting)

    def tick(self, now: float) -> None:
        """Let in who has waited long enough; the server calls it again and again."""
        for door in self._doors:
            door.tick(now)

    def _answer(self, name: str, waiting: int, wait: float) -> Response:
        error = errors.Overloaded(name=name, waiting=waiting, retry_after=wait)
        return Response(error.http_status, self._error_body(error), headers_of(error))


class UnparsedQueue:
    """The door of one model."""

    def __init__(self, served: GatedModel, park_from: int) -> None:
        self._served = served
        self._park_from = park_from
        self._held: deque[ParkedConnection] = deque()
        self._coming = 0
        self._opening = False
        self._prepared: tuple[float, list[Response]] = (0.0, [])
        self.name = served.name
        """The model's name."""
        self.switch(served)

    def switch(self, served: GatedModel) -> None:
        """Let another version of the model take the requests that wait."""
        self._served.on_shorter, self._served.parked = None, int
        self._served = served
        served.on_shorter = self._open_soon
        served.parked = lambda: len(self._held)
        self._open_soon()

    def park(self, connection: ParkedConnection) -> bool:
        """Keep a connection outside while the queue is long, and short enough for it to come in soon."""
        served = self._served
        if not self._held and served.waiting + self._coming < self._park_from:
            return False
        if served.queue_full(self._coming + len(self._held)) is not None:
            return False
        connection.held_since = asyncio.get_running_loop().time()
        self._held.append(connection)
        return True

    def full(self) -> tuple[int, float] | None:
        """How many wait and when to come again, where no request is let in; None to let in."""
        waiting = self._served.queue_full(self._coming + len(self._held))
        if waiting is None:
            self._comes()
            return None
        self._served.count_rejected()
        return waiting

    def answer(self, make: Callable[[str, int, float], Response], waiting: int, wait: float) -> Response:
        """One of the prepared answers; they are made anew when they are old."""
        until, answers = self._prepared
        now = time.monotonic()
        if now >= until:
            answers = [make(self._served.name, waiting, wait) for _ in range(VARIANTS)]
            self._prepared = (now + FRESH, answers)
        return random.choice(answers)  # noqa: S311 - spreads clients, keeps no secret

    def tick(self, now: float) -> None:
        """Let in who was held for too long, or all where nothing runs that would make room."""
        while self._held and (now - self._held[0].held_since >= MOST_HELD or not self._served.ready):
            self._held.popleft().resume()
        if self._held:
            self._open_soon()

    def _comes(self) -> None:
        """Count one that is let in: until this turn of the loop is over, it is not in the queue yet."""
        if not self._coming:
            asyncio.get_running_loop().call_soon(self._are_in)
        self._coming += 1

    def _are_in(self) -> None:
        self._coming = 0

    def _open_soon(self) -> None:
        if self._held and not self._opening:
            self._opening = True
            asyncio.get_running_loop().call_soon(self._open)

    def _open(self) -> None:
        self._opening = False
        room = self._park_from - self._served.waiting - self._coming
        while self._held and room > 0:
            connection = self._held.popleft()
            room -= bool(connection.held_since)
            connection.resume()
