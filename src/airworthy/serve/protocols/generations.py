"""The answers to one request of any dialect: one generation or several, as one sequence of events.

The response's status waits for the first event, so that what fails early has its own; where a prompt takes longer than
a proxy's patience, the response begins without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import NamedTuple, Union

from airworthy.engines.generation import AnyEvent, Finished, PromptProgress
from airworthy.serve import errors
from airworthy.serve.scheduling.streams import GenerationStream

FIRST_EVENT_S = 15.0
"""Seconds for which a response's status waits for the first event."""
KEEP_ALIVE_S = 15.0
"""Seconds without an event after which something is sent, for proxies that close what is silent."""
MAX_AHEAD = 64
"""Events of several generations that wait to be sent."""

Indexed = tuple[int, AnyEvent]


class Usage(NamedTuple):
    """What the answers to a request used."""

    prompt: int
    """Tokens of the prompt, counted once."""
    completion: int
    """Tokens of all answers."""
    first_event_ns: int = 0
    """When the first event of an answer came, on the clock `time.monotonic_ns`; 0 where none did."""


class Generations:
    """Generations side by side. A caller that stops taking events must call `cancel`."""

    def __init__(self, streams: Sequence[GenerationStream]) -> None:
        self.streams = tuple(streams)
        self.prompt_tokens = 0
        """Tokens of the prompt, as soon as a generation reports them."""
        self._open = len(self.streams)
        self._queue: asyncio.Queue[Union[tuple[int, AnyEvent], Exception, None]] = asyncio.Queue(MAX_AHEAD)
        self._pumps: list[asyncio.Task[None]] = []
        self._first: Indexed | None = None
        self._first_event_ns = 0

    async def begin(self) -> None:
        """Wait for the first event of an answer, for a while.

        Raises:
            RequestError: what ended a generation before any of it came.
            ClientGone: its client left.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + FIRST_EVENT_S
        if len(self.streams) > 1:
            self._pumps = [loop.create_task(self._pump(index, each)) for index, each in enumerate(self.streams)]
        try:
            while self._first is None and (left := until - loop.time()) > 0:
                self._first = await self._next(left)
        except StopAsyncIteration:  # cancelled before anything came, as its client has left
            raise errors.ClientGone from None

    async def next(self) -> Indexed | None:
        """The next event with the number of its generation; None after a silence.

        Raises:
            StopAsyncIteration: all have ended.
            RequestError: what ended one of them, and with it all.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._next(KEEP_ALIVE_S)

    async def _next(self, timeout: float) -> Indexed | None:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while (left := until - loop.time()) > 0:
            found = await self._one(left) if len(self.streams) == 1 else await self._any(left)
            if found is None:
                break
            if not isinstance(found[1], PromptProgress):
                self._first_event_ns = self._first_event_ns or time.monotonic_ns()
                return found
            # Progress keeps clocks from ending a long prompt; no dialect shows it, so to a client it is silence.
            self.prompt_tokens = found[1].total
        return None

    async def _one(self, timeout: float) -> Indexed | None:
        event = await self.streams[0].next(timeout)
        return None if event is None else (0, event)

    async def _any(self, timeout: float) -> Indexed | None:
        while self._open:
            try:
                found = await asyncio.wait_for(self._queue.get(), timeout)
            except asyncio.TimeoutError:
                return None
            if isinstance(found, Exception):
                raise found
            if found is not None:
                return found
            self._open -= 1
        raise StopAsyncIteration

    async def _pump(self, index: int, stream: GenerationStream) -> None:
        try:
            async for event in stream:
                await self._queue.put((index, event))
        except Exception as error:  # noqa: BLE001 - it is raised where the events are taken
            await self._queue.put(error)
        else:
            await self._queue.put(None)

    async def finished(self) -> list[list[AnyEvent]]:
        """All events, by generation, once all have ended.

        Raises:
            RequestError: what ended one of them.
            ClientGone: its client left before all had ended.
        """
        found: list[list[AnyEvent]] = [[] for _ in self.streams]
        with contextlib.suppress(StopAsyncIteration):
            while True:
                each = await self.next()
                if each is not None:
                    found[each[0]].append(each[1])
        if any(stream.finished is None for stream in self.streams):
            raise errors.ClientGone
        return found

    def cancel(self) -> None:
        """No client wants the rest."""
        for pump in self._pumps:
            pump.cancel()
        for stream in self.streams:
            stream.cancel()

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        done = [stream.finished for stream in self.streams if isinstance(stream.finished, Finished)]
        return Usage(
            max((each.prompt_tokens for each in done), default=0),
            sum(each.completion_tokens for each in done),
            self._first_event_ns,
        )
