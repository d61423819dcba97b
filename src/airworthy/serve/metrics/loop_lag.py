"""How late the event loop is: what blocks it holds up every client, and no other figure names it."""

from __future__ import annotations

import asyncio

from airworthy.serve.metrics.metrics import Meters

LOOK = 0.25
"""Seconds between two looks."""


class LoopLag:
    """Looks again and again whether the loop comes round in time."""

    def __init__(self, meters: Meters) -> None:
        self._most = 0.0
        meters.watch_loop(self._take)

    async def watch(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK
            await asyncio.sleep(LOOK)
            self._most = max(self._most, loop.time() - due)

    def _take(self) -> float:
        """The most since the last time that it was asked for."""
        most, self._most = self._most, 0.0
        return most
