"""The batches that workers have: for requests, or to time how long they take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from airworthy.serve.scheduling.requests import QueuedRequest
from airworthy.serve.workers.row_checks import TrialOutcome
from airworthy.serve.workers.supervisor import WorkerSupervisor
from airworthy.serve.workers.wire import RunFailure, RunResult, TrialReply


class TuningRuns:
    """Runs that are made to be timed, side by side."""

    def __init__(self, copies: int) -> None:
        self.done: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        """The runtime's seconds for the slowest; None where one failed."""
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
        """What they found; None where they could not be made."""

    def take(self, reply: RunResult | RunFailure | TrialReply | None) -> None:
        """They are over; None where the worker is gone."""
        if not self.done.done():
            self.done.set_result(reply.outcome if isinstance(reply, TrialReply) else None)


class InFlightBatch(NamedTuple):
    """A batch that a worker has."""

    worker: WorkerSupervisor
    """The worker."""
    requests: tuple[QueuedRequest, ...]
    """The requests in it; empty for a run that is made to be timed."""
    sent: float
    """When it was sent, on the event loop's clock."""
    exclusive: bool
    """Whether it has all threads."""
    trials: TuningRuns | RowTrialsRun | None = None
    """What its reply goes to, where it is made to be timed."""

    @property
    def rows(self) -> int:
        """Rows of the batch."""
        return sum(request.rows for request in self.requests)

    @property
    def work(self) -> int:
        """Rows, or tokens with their padding."""
        return self.rows * max(1, *(request.length for request in self.requests))


class InFlightBatches:
    """The batches of one model that workers have, by number."""

    def __init__(self) -> None:
        self._batches: dict[int, InFlightBatch] = {}
        self._cancelled: set[int] = set()
        self._last = 0

    def add(
        self,
        worker: WorkerSupervisor,
        requests: tuple[QueuedRequest, ...],
        now: float,
        *,
        exclusive: bool,
        trials: TuningRuns | RowTrialsRun | None = None,
    ) -> int:
        """Count a batch to a worker; its number comes back."""
        self._last += 1
        self._batches[self._last] = InFlightBatch(worker, requests, now, exclusive, trials)
        worker.running += 1
        return self._last

    def take(self, number: int) -> InFlightBatch | None:
        """Take out the batch that a reply is for; None for one that is not awaited any more."""
        batch = self._batches.pop(number, None)
        self._cancelled.discard(number)
        if batch is not None:
            batch.worker.running -= 1
            batch.worker.suspected = False
        return batch

    def take_all(self, worker: WorkerSupervisor | None = None) -> list[InFlightBatch]:
        """Take out the batches of a worker that is gone, or of all."""
        gone = [number for number, batch in self._batches.items() if worker is None or batch.worker is worker]
        return [batch for number in gone if (batch := self.take(number)) is not None]

    def cancel(self, number: int) -> None:
        """Let a worker know, once, that a run is not needed any more."""
        if number not in self._cancelled:
            self._cancelled.add(number)
            link = self._batches[number].worker.link
            if link is not None:
                link.cancel(number)

    def items(self) -> Sequence[tuple[int, InFlightBatch]]:
        """The batches with their numbers."""
        return tuple(self._batches.items())

    def requests(self) -> Iterator[QueuedRequest]:
        """The requests in all batches."""
        return (request for batch in self._batches.values() for request in batch.requests)

    def __len__(self) -> int:
        return len(self._batches)
