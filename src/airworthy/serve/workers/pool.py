"""The workers of one model: started, watched, replaced and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.serve.workers.link import OnReply
from airworthy.serve.workers.supervisor import MakeLink, WorkerState, WorkerSupervisor
from airworthy.serve.workers.wire import Load, Ready

_STATE_ORDER = (WorkerState.READY, WorkerState.STARTING, WorkerState.WAITING, WorkerState.FAILED)


class WorkerPool:
    """Keeps a number of workers alive."""

    def __init__(
        self,
        load: Load,
        size: int,
        load_timeout: float,
        make_link: MakeLink,
        on_reply: OnReply,
        on_ready: Callable[[WorkerSupervisor], None],
        on_exit: Callable[[WorkerSupervisor, AirworthyError], None],
    ) -> None:
        """Plan it.

        Args:
            load: what each worker loads.
            size: how many workers there are.
            load_timeout: seconds that a load may take.
            make_link: how a worker is reached.
            on_reply: called with each reply of a worker.
            on_ready: called when a worker takes work.
            on_exit: called when a worker is gone, or did not load.
        """
        self._on_ready = on_ready
        self._on_exit = on_exit
        self._loaded: asyncio.Future[Ready] | None = None
        self.workers = tuple(
            WorkerSupervisor(make_link, load, load_timeout, on_reply, self._take_ready, self._take_exit)
            for _ in range(size)
        )
        """The workers, in the order in which they get batches."""

    def start(self) -> None:
        """Start all workers."""
        self._loaded = asyncio.get_running_loop().create_future()
        for worker in self.workers:
            worker.start()

    async def loaded(self) -> Ready:
        """Wait until the first worker is ready.

        Raises:
            AirworthyError: all workers failed at their first start.
        """
        assert self._loaded is not None
        return await asyncio.shield(self._loaded)

    async def stop(self, timeout: float) -> None:
        """Stop all workers for good: each gets `timeout` seconds to end by itself."""
        await asyncio.gather(*(worker.stop(timeout) for worker in self.workers))

    def replace(self, worker: WorkerSupervisor, reason: str, seconds: float) -> None:
        """End a worker at once; its supervisor starts another, and its batches come back by `on_exit`.

        Args:
            worker: the worker.
            reason: why, in one word, for the log.
            seconds: how long the reason has lasted.
        """
        worker.log("worker_replace", logging.WARNING, reason=reason, seconds=seconds)
        if worker.link is not None:
            worker.link.kill()

    @property
    def ready(self) -> WorkerSupervisor | None:
        """The first worker that takes work; None where none does."""
        for worker in self.workers:
            if worker.state is WorkerState.READY:
                return worker
        return None

    def restarts_within(self, seconds: float) -> bool:
        """Whether a worker that was ready before is being started again, in so many seconds at the latest."""
        now = asyncio.get_running_loop().time()
        return any(worker.restarts_within(seconds, now) for worker in self.workers)

    @property
    def state(self) -> str:
        """The state of the worker that is furthest, in one word."""
        states = {worker.state for worker in self.workers}
        return next((state.value for state in _STATE_ORDER if state in states), WorkerState.STOPPED.value)

    @property
    def failure(self) -> AirworthyError | None:
        """Why a start failed, or how a worker ended; None where nothing happened."""
        return next((worker.failure for worker in self.workers if worker.failure is not None), None)

    @property
    def words(self) -> str:
        """The last that the workers printed."""
        return "\n".join(worker.link.words for worker in self.workers if worker.link is not None)

    def describe(self) -> list[dict[str, Any]]:
        """The workers' states as plain JSON data."""
        return [{"state": worker.state.value, "starts": worker.starts, "pid": worker.pid} for worker in self.workers]

    def _take_ready(self, worker: WorkerSupervisor) -> None:
        assert self._loaded is not None
        assert worker.ready is not None
        if not self._loaded.done():
            self._loaded.set_result(worker.ready)
        self._on_ready(worker)

    def _take_exit(self, worker: WorkerSupervisor, error: AirworthyError) -> None:
        assert self._loaded is not None
        if not self._loaded.done() and all(each.state is WorkerState.FAILED for each in self.workers):
            self._loaded.set_exception(error)
            self._loaded.exception()  # seen, should nothing wait for it
        self._on_exit(worker, error)
