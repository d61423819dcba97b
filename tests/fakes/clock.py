"""An event loop on which time passes only while everything waits, and then at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

LIMIT_S = 3600.0
"""Seconds of the loop's own time after which a test has hung."""


class _Selector(selectors.SelectSelector):
    """Waits for nobody: the time for which it would have waited has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None:
            self.passed += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands still while code runs; what others of the machine do changes nothing."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-6  # by which a timer may be early, so that rounding does not hang it

    def time(self) -> float:
        return 1000.0 + self._virtual.passed

    def block(self, seconds: float) -> None:
        """Time passes while the loop cannot run."""
        self._virtual.passed += seconds


def run_virtually(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on a loop of its own."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(asyncio.wait_for(main(), LIMIT_S))
    finally:
        try:
            if left := asyncio.all_tasks(loop):
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(left))
        finally:
            loop.close()
