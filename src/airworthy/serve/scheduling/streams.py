"""One answer on its way to its reader: events from a worker, in order, in a buffer that has a bound."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from airworthy.engines.generation import (
    AnyEvent,
    Finished,
    GenerationRequest,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
)
from airworthy.serve import errors
from airworthy.serve.scheduling.request_options import RequestOptions

MAX_UNREAD_CHARACTERS = 1 << 18
"""Characters of an answer that its reader has not taken; one more ends the answer."""


class SlowReader(errors.RequestError):
    """The client reads slower than the model writes, by more than there is room for."""

    code = "slow-reader"
    message = "the answer was ended: its client left {size} characters unread"
    http_status = 503


class GenerationStream:
    """The events of one answer; iterating ends after `Finished`, and raises what ended the answer otherwise."""

    def __init__(
        self,
        request: GenerationRequest,
        options: RequestOptions,
        cost: int,
        now: float,
        on_cancel: Callable[[GenerationStream], None],
    ) -> None:
        self.request = request
        self.tenant = options.tenant
        self.request_id = options.request_id
        """The client's own name for it, for the log."""
        self.cost = cost
        """Tokens of prompt and answer, as estimated before."""
        self.arrived = now
        """When it was submitted, on the event loop's clock."""
        self.began = 0.0
        """When the last event came, or when it was sent to a worker; 0 while it waits."""
        self.queued = 0.0
        """Seconds that it waited for a worker."""
        self.first_token_at = 0.0
        """When the first piece of the answer came; 0 before."""
        self.tries = 0
        """How often it was sent to a worker."""
        self.finished: Finished | None = None
        """How it ended."""
        self.on_end: Callable[[GenerationStream], None] | None = None
        """Called once, when it is over."""
        self._on_cancel = on_cancel
        self._events: deque[AnyEvent] = deque()
        self._unread = 0
        self._error: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes, or no client takes it."""
        return self._closed or self.finished is not None or self._error is not None

    @property
    def has_output(self) -> bool:
        """Whether its reader may have seen a part of the answer, so that it can't be begun again."""
        return self.first_token_at > 0

    def feed(self, event: AnyEvent, now: float) -> None:
        """An event came from the worker."""
        if self.is_over:
            return
        self.began = now
        if isinstance(event, Finished):
            self.finished = event
            self._report_end()
        elif not isinstance(event, PromptProgress):
            self.first_token_at = self.first_token_at or now
        if isinstance(event, (TextDelta, ReasoningDelta)):
            self._unread += len(event.text)
            if self._unread > MAX_UNREAD_CHARACTERS:
                self.fail(SlowReader(size=self._unread))
                self._on_cancel(self)
                return
        self._events.append(event)
        self._wake()

    def fail(self, error: Exception) -> None:
        """It ends with an error, which its reader sees behind the events that came before."""
        if not self.is_over:
            self._error = error
            self._report_end()
            self._wake()

    def cancel(self) -> None:
        """No client wants the rest."""
        if not self.is_over:
            self._closed = True
            self._report_end()
            self._on_cancel(self)
            self._wake()

    def __aiter__(self) -> GenerationStream:
        return self

    async def __anext__(self) -> AnyEvent:
        while True:
            event = await self.next(math.inf)
            if event is not None:
                return event

    async def next(self, timeout: float) -> AnyEvent | None:
        """The next event; None where none came within so many seconds.

        Raises:
            StopAsyncIteration: there are no more.
            RequestError: the answer ended so.
        """
        if not self._events:
            self._raise_if_over()
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(timeout, self._wake) if timeout < math.inf else None
            try:
                await self._waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
            if not self._events:
                self._raise_if_over()
                return None
        event = self._events.popleft()
        if isinstance(event, (TextDelta, ReasoningDelta)):
            self._unread -= len(event.text)
        return event

    def _raise_if_over(self) -> None:
        if self._error is not None:
            raise self._error
        if self.finished is not None or self._closed:
            raise StopAsyncIteration

    @property
    def error(self) -> Exception | None:
        """What ended it, where that was an error."""
        return self._error

    def _report_end(self) -> None:
        if self.on_end is not None:
            self.on_end(self)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
