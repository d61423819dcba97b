"""How late the event loop was, on a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from airworthy.serve.metrics.loop_lag import SAMPLE_INTERVAL_S, LoopLag
from airworthy.serve.metrics.metrics import Metrics
from fakes.clock import VirtualLoop, run_virtually


class FakeMetrics:
    """Keeps what it would read at each scrape."""

    read: Callable[[], float]

    def watch_loop(self, lag: Callable[[], float]) -> None:
        self.read = lag


def test_the_longest_delay_is_read_once() -> None:
    async def main() -> None:
        metrics = FakeMetrics()
        watching = asyncio.ensure_future(LoopLag(cast("Metrics", metrics)).watch())
        await asyncio.sleep(10.1 * SAMPLE_INTERVAL_S)
        assert metrics.read() == pytest.approx(0, abs=1e-6)
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        for seconds in (2.0, 7.0, 3.0):
            loop.block(seconds)
            await asyncio.sleep(SAMPLE_INTERVAL_S)
        # The loop was blocked a tenth of an interval after a sample: what is left of the interval was no delay.
        assert metrics.read() == pytest.approx(7 - 0.9 * SAMPLE_INTERVAL_S, abs=SAMPLE_INTERVAL_S)
        await asyncio.sleep(2 * SAMPLE_INTERVAL_S)
        assert metrics.read() == pytest.approx(0, abs=1e-6), "it is the most since it was read before"
        watching.cancel()

    run_virtually(main)
