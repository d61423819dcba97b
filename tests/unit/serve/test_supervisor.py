"""A worker that is told to stop while it starts is stopped, wherever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from airworthy.core.errors import AirworthyError
from airworthy.core.model import ModelInfo
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.workers.link import OnEnd, OnReply
from airworthy.serve.workers.process import ProcessLink
from airworthy.serve.workers.supervisor import WorkerState, WorkerSupervisor
from airworthy.serve.workers.wire import Load, Ready

LOAD = Load("fake", ModelInfo(name="m", path="m", format="onnx", entry="m"), RunnerOptions())


class DeafLink:
    """A link whose start returns its result to a cancellation, as `wait_for` does before Python 3.12."""

    words = ""

    def __init__(self, on_reply: OnReply, on_end: OnEnd) -> None:
        self.stopped = False

    async def start(self, load: Load, timeout: float) -> Ready:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Ready((), (), 1, 0.1)
        raise AssertionError("nothing sets it")

    def send(self, run: Any, data: Sequence[Any]) -> None: ...

    def cancel(self, number: int) -> None: ...

    def kill(self) -> None: ...

    async def stop(self, timeout: float) -> None:
        self.stopped = True


def test_a_stop_that_meets_the_end_of_a_start_ends() -> None:
    async def main() -> None:
        links: list[DeafLink] = []
        ready: list[WorkerSupervisor] = []

        def make(on_reply: OnReply, on_end: OnEnd) -> DeafLink:
            links.append(DeafLink(on_reply, on_end))
            return links[-1]

        supervisor = WorkerSupervisor(make, LOAD, 5.0, lambda reply, data: None, ready.append, lambda *given: None)
        supervisor.start()
        while not links:  # noqa: ASYNC110 - until its task has begun
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.wait_for(supervisor.stop(1.0), 5)
        assert supervisor.state is WorkerState.STOPPED
        assert links[0].stopped
        assert not ready, "it takes no work"

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(6))
def test_a_stop_ends_a_process_that_was_just_started(turns: int) -> None:
    async def main() -> None:
        links: list[ProcessLink] = []

        def make(on_reply: OnReply, on_end: OnEnd) -> ProcessLink:
            links.append(ProcessLink(on_reply, on_end))
            return links[-1]

        supervisor = WorkerSupervisor(make, LOAD, 5.0, lambda *given: None, lambda worker: None, lambda *given: None)
        supervisor.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.wait_for(supervisor.stop(0.1), 20)
        assert supervisor.state is WorkerState.STOPPED
        assert all(link._process is None or link._process.poll() is not None for link in links)

    asyncio.run(main())


def test_a_process_that_cannot_be_started_is_a_load_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    async def main() -> None:
        monkeypatch.setattr("airworthy.serve.workers.process.subprocess.Popen", refuse)
        ended: list[AirworthyError] = []
        supervisor = WorkerSupervisor(
            ProcessLink, LOAD, 5.0, lambda *given: None, lambda worker: None, lambda worker, error: ended.append(error)
        )
        supervisor.start()
        while not ended:  # noqa: ASYNC110 - until its task has begun
            await asyncio.sleep(0)
        assert "no process could be started: Resource temporarily unavailable" in ended[0].text
        assert supervisor.state is WorkerState.FAILED
        await supervisor.stop(1.0)

    asyncio.run(main())
