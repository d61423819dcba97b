"""The runtimes of one model: the one that takes requests, and those that start or finish beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from airworthy.serve.workers.link import STOP


class Runtime(Protocol):
    """What runs a model: batches, or generations."""

    def start(self) -> None:
        """Start the workers."""

    async def drain(self, timeout: float) -> None:
        """Admit nothing more, and wait for what is inside."""

    async def stop(self, timeout: float) -> None:
        """Stop the workers."""


R = TypeVar("R", bound=Runtime)
T = TypeVar("T")


class Runtimes(Generic[R]):
    """Switches a model from one runtime to the next."""

    def __init__(self, make: Callable[[], R]) -> None:
        self._make = make
        self._others: set[R] = set()
        self.current = make()
        """The one that takes requests."""

    async def start_next(self, wait: Callable[[R], Awaitable[T]]) -> tuple[R, T]:
        """Start another runtime and wait until it is ready.

        Args:
            wait: waits for it; what it gives comes back.

        Raises:
            AirworthyError: the model does not load.
        """
        runtime = self._make()
        self._others.add(runtime)
        runtime.start()
        try:
            return runtime, await wait(runtime)
        except BaseException:
            await self.retire(runtime, 0.0)
            raise

    def switch(self, runtime: R) -> R:
        """Let a runtime that was started take the requests; the one before comes back, to be retired."""
        before, self.current = self.current, runtime
        self._others.discard(runtime)
        self._others.add(before)
        return before

    async def retire(self, runtime: R, drain: float) -> None:
        """End a runtime; requests inside get `drain` seconds for their outputs."""
        await runtime.drain(drain)
        await runtime.stop(STOP)
        self._others.discard(runtime)

    async def stop(self, timeout: float) -> None:
        """End all of them, whatever they do."""
        await asyncio.gather(*(runtime.stop(timeout) for runtime in (self.current, *self._others)))
