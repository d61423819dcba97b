"""The shortest way to say that a model is full, for when saying it to everybody would take all the time there is.

Under overload most requests are refused, and what refusing costs is missing to those who are let in. Where the path
alone names the model, its queue is asked before a request is made of what came, and the answer is at hand.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping

from airworthy.core.errors import AirworthyError
from airworthy.serve import refusals
from airworthy.serve.gateway.http import Response, headers_of
from airworthy.serve.meters import Meters
from airworthy.serve.served import Served

FRESH = 0.1
"""Seconds that prepared answers are good for; they tell how many wait."""
VARIANTS = 8
"""Answers that are prepared at a time, each with another time to come again."""

Places = Mapping[bytes, "tuple[str, Served]"]
"""URLs of inference as they are sent → the route's name in the metrics, and the model."""


class TurningAway:
    """Prepared answers for full models."""

    def __init__(self, places: Places, error_body: Callable[[AirworthyError], bytes], meters: Meters) -> None:
        self._places = places
        self._error_body = error_body
        self._meters = meters
        self._prepared: dict[str, tuple[float, list[Response]]] = {}
        self._passed: dict[str, int] = {}

    def __call__(self, target: bytes) -> Response | None:
        """The answer to a request for this URL; None to look at the request."""
        place = self._places.get(target)
        if place is None:
            return None
        route, served = place
        # Who was let through in this turn of the loop is not in the queue yet.
        passed = self._passed.get(served.name, 0)
        waiting = served.full(passed)
        if waiting is None:
            if not self._passed:
                asyncio.get_running_loop().call_soon(self._passed.clear)
            self._passed[served.name] = passed + 1
            return None
        served.turned_away()
        self._meters.requests.add(route, 503)
        until, answers = self._prepared.get(served.name, (0.0, []))
        now = time.monotonic()
        if now >= until:
            answers = [self._answer(served.name, *waiting) for _ in range(VARIANTS)]
            self._prepared[served.name] = (now + FRESH, answers)
        return random.choice(answers)  # noqa: S311 - spreads clients, keeps no secret

    def _answer(self, name: str, waiting: int, wait: float) -> Response:
        error = refusals.Overloaded(name=name, waiting=waiting, retry_after=wait)
        return Response(error.http_status, self._error_body(error), headers_of(error))
