"""Waiting with a limit that loses no cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(work: Coroutine[Any, Any, T], seconds: float, undo: Callable[[T], None] | None = None) -> T:
    """The result of work that has a limit.

    `asyncio.wait_for` returns the result to a task that is cancelled in the same turn of the event loop, before Python
    3.12, and the task goes on; here it ends.

    Args:
        work: what is waited for; it is cancelled where its result is not wanted any more.
        seconds: the limit.
        undo: releases a result that nothing takes any more.

    Raises:
        asyncio.TimeoutError: the limit passed.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
        raise asyncio.TimeoutError
    except (asyncio.CancelledError, asyncio.TimeoutError):
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None and undo is not None:
            undo(task.result())
        raise
