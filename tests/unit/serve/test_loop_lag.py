"""How late the event loop was, on a clock of the test's own."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from airworthy.serve.metrics.loop_lag import SAMPLE_INTERVAL_S, LoopLag
from airworthy.serve.metrics.metrics import Metrics
from fakes.clock import VirtualLoop, run_virtually


class Observed:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def observe(self, seconds: float) -> None:
        self.seconds.append(seconds)


class FakeMetrics:
    def __init__(self) -> None:
        self.loop_lag = Observed()


def test_each_delay_is_counted_once() -> None:
    async def main() -> None:
        metrics = FakeMetrics()
        watching = asyncio.ensure_future(LoopLag(cast("Metrics", metrics)).watch())
        await asyncio.sleep(10.1 * SAMPLE_INTERVAL_S)
        assert metrics.loop_lag.seconds == pytest.approx([0.0] * 10, abs=1e-6)
        metrics.loop_lag.seconds.clear()
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        for seconds in (2.0, 7.0):
            loop.block(seconds)
            await asyncio.sleep(SAMPLE_INTERVAL_S)
        # The loop was blocked a tenth of an interval after a sample: what is left of the interval was no delay.
        late = [seconds for seconds in metrics.loop_lag.seconds if seconds > SAMPLE_INTERVAL_S]
        assert late == pytest.approx([2 - 0.9 * SAMPLE_INTERVAL_S, 7 - 0.9 * SAMPLE_INTERVAL_S], abs=SAMPLE_INTERVAL_S)
        watching.cancel()

    run_virtually(main)
