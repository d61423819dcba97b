"""How late the event loop is: what blocks it delays every client, and no other metric shows it."""

from __future__ import annotations

import asyncio

from airworthy.serve.metrics.metrics import Metrics

SAMPLE_INTERVAL_S = 0.25
"""Seconds between two samples."""


class LoopLag:
    """Samples by how much the loop wakes a timer too late."""

    def __init__(self, metrics: Metrics) -> None:
        self._lag = metrics.loop_lag

    async def watch(self) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SAMPLE_INTERVAL_S
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            self._lag.observe(max(0.0, loop.time() - due))
