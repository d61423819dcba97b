"""The fourth stage: a caller's limits, checked before a byte of its body is read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.principal import Principal
from airworthy.serve.access.rate_limits import RateLimits
from airworthy.serve.metrics.metrics import Metrics

RETRY_WHEN_BUSY_S = 1.0
"""Seconds after which a caller that has too many requests running may try again."""


class RateStage:
    """The limits of all callers of one process."""

    def __init__(self, settings: ServeSettings, metrics: Metrics) -> None:
        self._limits = RateLimits(settings)
        self._metrics = metrics
        self.is_on = self._limits.on
        """Whether anything is limited."""
        if self.is_on:
            metrics.watch_callers(lambda: self._limits.remembered)

    @contextlib.contextmanager
    def admit(self, principal: Principal, size: int) -> Iterator[None]:
        """Count a request of a caller as long as it runs.

        Args:
            principal: the caller.
            size: bytes of the body, as far as they are known.

        Raises:
            TooManyRequests: the caller is over a limit.
        """
        caller = principal.name
        wait = self._limits.try_acquire(caller, asyncio.get_running_loop().time(), size)
        if wait > 0:
            self._metrics.limited.labels("rate").inc()
            raise errors.TooManyRequests(limit=say("its rate of requests or bytes is used up"), retry_after=wait)
        if not self._limits.enter(caller):
            self._metrics.limited.labels("running").inc()
            limit = say("too many of its requests are under way")
            raise errors.TooManyRequests(limit=limit, retry_after=RETRY_WHEN_BUSY_S)
        try:
            yield
        finally:
            self._limits.leave(caller)

    def charge(self, principal: Principal, size: int) -> None:
        """Charge bytes of a body whose size was not declared."""
        self._limits.charge(principal.name, asyncio.get_running_loop().time(), size)
