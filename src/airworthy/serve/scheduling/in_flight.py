"""A batch that a worker has, for those who asked or for trying how long it takes."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from airworthy.serve.scheduling.requests import QueuedRequest
from airworthy.serve.workers.row_checks import TrialOutcome
from airworthy.serve.workers.supervisor import WorkerSupervisor
from airworthy.serve.workers.wire import RunFailure, RunResult, TrialReply


class TuningRuns:
    """Runs that are made to be timed, side by side."""

    def __init__(self, copies: int) -> None:
        self.done: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._left = copies
        self._slowest = 0.0

    def take(self, reply: RunResult | RunFailure | TrialReply | None) -> None:
        """One of them came back; None where its worker is gone."""
        seconds = reply.seconds if isinstance(reply, RunResult) else None
        self._left -= 1
        self._slowest = max(self._slowest, seconds or 0.0)
        if not self.done.done() and (seconds is None or not self._left):
            self.done.set_result(None if seconds is None else self._slowest)


class RowTrialsRun:
    """Trial runs that a worker makes by itself."""

    def __init__(self) -> None:
        self.done: asyncio.Future[TrialOutcome | None] = asyncio.get_running_loop().create_future()

    def take(self, reply: RunResult | RunFailure | TrialReply | None) -> None:
        """They are over; None where the worker is gone."""
        if not self.done.done():
            self.done.set_result(reply.outcome if isinstance(reply, TrialReply) else None)


class InFlightBatch(NamedTuple):
    """A batch that a worker has."""

    slot: WorkerSupervisor
    pendings: tuple[QueuedRequest, ...]
    sent: float
    exclusive: bool
    trials: TuningRuns | RowTrialsRun | None = None

    @property
    def rows(self) -> int:
        """Rows of the batch."""
        return sum(pending.rows for pending in self.pendings)

    @property
    def work(self) -> int:
        """Rows, or tokens with their padding."""
        return self.rows * max(1, *(pending.length for pending in self.pendings))
