"""How late the event loop is: what blocks it holds up every client, and no other figure names it."""

from __future__ import annotations

import asyncio

from airworthy.serve.metrics.metrics import Metrics

SAMPLE_INTERVAL_S = 0.25
"""Seconds between two looks."""


class LoopLag:
    """Looks again and again whether the loop comes round in time."""

    def __init__(self, meters: Metrics) -> None:
        self._most = 0.0
        meters.watch_loop(self._take)

    async def watch(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SAMPLE_INTERVAL_S
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            self._most = max(self._most, loop.time() - due)

    def _take(self) -> float:
        """The most since the last time that it was asked for."""
        most, self._most = self._most, 0.0
        return most
