"""The supervisor of one worker: starts it, reports when it is ready, starts it again with back-off when it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.log_events import log_event
from airworthy.serve.workers.link import OnEnd, OnReply, WorkerExit, WorkerLink
from airworthy.serve.workers.wire import Load, Ready

MakeLink = Callable[[OnReply, OnEnd], WorkerLink]
"""Makes a link that is not started."""

FIRST_RESTART_DELAY_S = 0.25
"""Seconds before the second start in a row; doubled at each further one."""
MAX_RESTART_DELAY_S = 30.0
"""Seconds between two starts at the most."""
HEALTHY_LIFETIME_S = 10.0
"""Seconds that a worker must have lived for its end to count as the first."""


_log = logging.getLogger("airworthy.serve")


class WorkerState(str, Enum):
    """What a supervisor is doing."""

    STARTING = "starting"
    """The first start, or one after an end, is under way."""
    READY = "ready"
    """The worker takes work."""
    WAITING = "waiting"
    """The worker ended, and the next start is put off."""
    FAILED = "failed"
    """The first start failed; nothing will change by itself."""
    STOPPED = "stopped"
    """Asked to stop."""


def delay_before(failures: int) -> float:
    """Seconds to wait before a start, after so many ends or failed starts in a row; the first is not waited for."""
    return 0.0 if failures <= 1 else min(FIRST_RESTART_DELAY_S * 2.0 ** (failures - 2), MAX_RESTART_DELAY_S)


class WorkerSupervisor:
    """Keeps one worker alive."""

    def __init__(
        self,
        make_link: MakeLink,
        load: Load,
        load_timeout: float,
        on_reply: OnReply,
        on_ready: Callable[[WorkerSupervisor], None],
        on_end: Callable[[WorkerSupervisor, AirworthyError], None],
    ) -> None:
        self._make_link = make_link
        self._load = load
        self._load_timeout = load_timeout
        self._on_reply = on_reply
        self._on_ready = on_ready
        self._on_end = on_end
        self._task: asyncio.Task[None] | None = None
        self._ended: asyncio.Event = asyncio.Event()
        self.state = WorkerState.STARTING
        """What it is doing."""
        self.link: WorkerLink | None = None
        """The link, while a worker is starting or ready."""
        self.ready: Ready | None = None
        """What the worker said when it was last loaded; None before the first time."""
        self._ready_since = 0.0
        self.starts = 0
        """How often a worker was started."""
        self.next_start = 0.0
        """When the next start is due, on the event loop's clock, in state `waiting`."""
        self.failure: AirworthyError | None = None
        """Why the last start failed, or how the last worker ended."""
        self.running = 0
        """How many runs it has. The dispatcher's to count."""
        self.suspected = False
        """Whether it runs a request alone that a worker may have died of. The dispatcher's to set."""

    def start(self) -> None:
        """Begin; the callbacks report what comes of it."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self, timeout: float) -> None:
        """Stop for good: the worker gets `timeout` seconds to end by itself."""
        began, was_stopped, self.state = time.monotonic(), self.state is WorkerState.STOPPED, WorkerState.STOPPED
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self.link is not None:
            await self.link.stop(timeout)
            if not was_stopped:
                self.log("worker_stop", seconds=time.monotonic() - began)
            self.link = None

    @property
    def pid(self) -> int:
        """The worker's process number; 0 where it has none."""
        return int(getattr(self.link, "pid", 0))

    def log(self, event: str, level: int = logging.INFO, **fields: Any) -> None:
        """Log what happens to the worker."""
        log_event(
            _log, event, level, model=self._load.model.name, version=self._load.version, pid=self.pid or None, **fields
        )

    @property
    def is_ready(self) -> bool:
        """Whether it takes work."""
        return self.state is WorkerState.READY

    @property
    def _is_stopped(self) -> bool:
        return self.state is WorkerState.STOPPED

    def restarts_within(self, seconds: float, now: float) -> bool:
        """Whether a worker that was ready before is being started again, in so many seconds at the latest.

        Args:
            seconds: until when the start must begin.
            now: the time on the event loop's clock.
        """
        if self.ready is None:
            return False
        return self.state is WorkerState.STARTING or (
            self.state is WorkerState.WAITING and self.next_start - now < seconds
        )

    async def _keep(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while self.state is not WorkerState.STOPPED:
            delay = delay_before(failures)
            if delay:
                self.log("worker_restart_delayed", seconds=delay)
                self.state, self.next_start = WorkerState.WAITING, loop.time() + delay
                await asyncio.sleep(delay)
            began = time.monotonic()
            await self._one_life()
            if self.state in (WorkerState.FAILED, WorkerState.STOPPED):
                return
            failures = 1 if time.monotonic() - began > HEALTHY_LIFETIME_S else failures + 1

    async def _one_life(self) -> None:
        """Start a worker and wait for its end."""
        self.state = WorkerState.STARTING
        self.starts += 1
        self._ended.clear()
        began = time.monotonic()
        self.link = self._make_link(self._on_reply, self._take_end)
        try:
            self.ready = await self.link.start(self._load, self._load_timeout)
        except AirworthyError as error:
            if self._is_stopped:
                return
            self.failure = error
            if self.starts == 1:
                self.state = WorkerState.FAILED
            self.log("worker_load_failed", logging.ERROR, reason=error.text, seconds=time.monotonic() - began)
            self._on_end(self, error)
            return
        # A stop cancels this task; a link may lose that where it has its result in the same turn of the loop.
        if self._is_stopped:
            return
        self.state = WorkerState.READY
        self._ready_since = time.monotonic()
        self.log("worker_ready", seconds=self.ready.seconds, starts=self.starts)
        self._on_ready(self)
        await self._ended.wait()

    def _take_end(self, ended: WorkerExit) -> None:
        was_ready = self.state is WorkerState.READY
        self._ended.set()
        if self.state is not WorkerState.STOPPED:
            self.state = WorkerState.STARTING
            self.failure = ended
        if was_ready:
            reason, lived = ended.params.get("status", ended.text), time.monotonic() - self._ready_since
            self.log("worker_end", logging.WARNING, reason=reason, seconds=lived)
            self._on_end(self, ended)
