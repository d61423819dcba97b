"""Whether a caller may ask now: held against its limits before a byte of its body is read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import unquote

from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.rate_limits import RateLimits, name_of
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.metrics.metrics import Metrics

TOO_MANY_AT_A_TIME = 1.0
"""Seconds after which a caller that has too many requests running may try again."""


class Admission:
    """The limits of all callers of one process."""

    def __init__(self, settings: ServeSettings, meters: Metrics) -> None:
        self._callers = RateLimits(settings)
        self._header = self._callers.header
        self._meters = meters
        self.on = self._callers.on
        """Whether anything is limited."""
        if self.on:
            meters.watch_callers(lambda: self._callers.remembered)

    def tenant(self, request: Request) -> str:
        """Whose answers a request may be given from the cache; empty where nothing trusted says who asks."""
        named = request.header(self._header) if self._header else None
        return name_of("", named) if named else ""

    async def answer(self, request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
        """Let a request in to its handler.

        Raises:
            TooManyRequests: its caller is over a limit.
        """
        caller = name_of(request.address, request.header(self._header) if self._header else None)
        size = request.length(b"content-length")
        with self.let_in(caller, size or 0):
            try:
                return await handler(request)
            finally:
                if size is None:
                    self._callers.charge(caller, asyncio.get_running_loop().time(), request.size)

    def caller_of_call(self, context: Any) -> str:
        """Who makes a gRPC call."""
        return name_of(_address(context.peer()), self._named(context))

    def tenant_of_call(self, context: Any) -> str:
        """Whose answers a gRPC call may be given from the cache."""
        named = self._named(context)
        return name_of("", named) if named else ""

    def _named(self, context: Any) -> str | bytes | None:
        if not self._header:
            return None
        metadata: dict[str, str | bytes] = dict(context.invocation_metadata() or ())
        return metadata.get(self._header.decode("latin-1"))

    @contextlib.contextmanager
    def let_in(self, caller: str, size: int) -> Iterator[None]:
        """Count a request of a caller as long as it runs.

        Raises:
            TooManyRequests: the caller is over a limit.
        """
        wait = self._callers.wait(caller, asyncio.get_running_loop().time(), size)
        if wait > 0:
            self._meters.limited.labels("rate").inc()
            raise errors.TooManyRequests(limit=say("its rate of requests or bytes is used up"), retry_after=wait)
        if not self._callers.enter(caller):
            self._meters.limited.labels("running").inc()
            limit = say("too many of its requests are under way")
            raise errors.TooManyRequests(limit=limit, retry_after=TOO_MANY_AT_A_TIME)
        try:
            yield
        finally:
            self._callers.leave(caller)


def _address(peer: str) -> str:
    """The IP address of a gRPC peer, which is told as `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return rest.rpartition(":")[0].strip("[]")
