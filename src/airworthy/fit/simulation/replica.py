"""One replica in simulated time: a batch runner under the real batch scheduler, or a generator behind the real queue.

Both are driven by events: `next_event` says when something happens by itself, `advance` lets it happen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

NEVER = math.inf
"""When nothing will happen by itself."""


class Request(msgspec.Struct, eq=False):
    """One request on its way."""

    arrived: float
    """When it came, in simulated seconds."""
    prompt: int
    """Tokens of its prompt, or of its text."""
    answer: int = 0
    """Tokens of its answer."""
    first: float = NEVER
    """When its first token was there."""
    ended: float = NEVER
    """When its answer was whole."""
    left: int = 0
    """Tokens of the answer that are not written yet."""
    unread: int = 0
    """Tokens of the prompt that are not read yet."""
    tenant: str = ""
    """Whose it is, for the fair queue."""
    cost: int = 0
    """Tokens of prompt and answer, for the fair queue."""


class Replica(Protocol):
    """What requests are sent to."""

    def add(self, request: Request, now: float) -> None:
        """A request arrives."""

    def next_event(self) -> float:
        """When something happens by itself."""

    def advance(self, now: float) -> None:
        """Let happen what is due."""

    def load(self) -> float:
        """How much it has to do, to compare replicas."""

    def fail(self, now: float) -> Sequence[Request]:
        """It dies; what it had comes back."""


class Steps(Protocol):
    """The batch scheduler, as the service has it."""

    def step(self, now: float, queue: Any, free: int = 1) -> Any:
        """What to run now."""


class BatchReplica:
    """A batch runner: one batch at a time, formed of what has queued."""

    def __init__(
        self, scheduler: Steps, queue: Any, ticket: Callable[..., Any], cost: Callable[[float], float]
    ) -> None:
        self._scheduler = scheduler
        self._queue = queue
        self._ticket = ticket
        self._cost = cost
        self._requests: dict[int, Request] = {}
        self._running: tuple[Any, ...] = ()
        self._until = NEVER

    def add(self, request: Request, now: float) -> None:
        """Queue it; it runs at once where nothing else does."""
        ticket = self._ticket(request.arrived, request.arrived + 3600.0, None, 1, request.prompt)
        self._requests[id(ticket)] = request
        self._queue.append(ticket)
        if not self._running:
            self._start(now)

    def _start(self, now: float) -> None:
        decided = self._scheduler.step(now, self._queue)
        tickets = getattr(decided, "tickets", ())
        if not tickets:
            self._running, self._until = (), NEVER if decided.until is None else decided.until
            return
        self._queue.take(tickets)
        rows, longest = sum(each.rows for each in tickets), max(each.length for each in tickets)
        self._running = tickets
        self._until = now + self._cost(rows * longest if longest else rows)

    def next_event(self) -> float:
        """When the batch is done."""
        return self._until

    def advance(self, now: float) -> None:
        """The batch is done, and the next one starts."""
        for ticket in self._running:
            request = self._requests.pop(id(ticket))
            request.first = request.ended = now
        self._running = ()
        self._start(now)

    def load(self) -> float:
        """Work that waits and runs."""
        return float(self._queue.work + sum(each.work for each in self._running))

    def fail(self, now: float) -> Sequence[Request]:
        """All requests come back."""
        del now
        found = tuple(self._requests.values())
        self._requests.clear()
        self._queue.clear()
        self._running, self._until = (), NEVER
        return found


class StreamReplica:
    """A generator: as many requests as it has slots, the others queued; prompts are read in pieces between steps."""

    def __init__(
        self,
        queue: Any,
        slots: int,
        step: Callable[[int], float],
        read: Callable[[int], float],
        piece: int,
    ) -> None:
        """Make it.

        Args:
            queue: the queue for what waits, with `append`, `take` and a length.
            slots: requests at a time.
            step: seconds of writing one token of each of so many requests.
            read: seconds of reading so many tokens of prompts.
            piece: tokens of prompts that are read between two steps.
        """
        self._queue = queue
        self._slots = slots
        self._step = step
        self._read = read
        self._piece = piece
        self._running: list[Request] = []
        self._from = 0.0
        self._until = NEVER
        self._tokens = 0
        self._reading: list[tuple[Request, int]] = []
        self.horizon: Callable[[], float] = lambda: NEVER
        """When the next request may come, up to which several steps are taken at once."""

    def add(self, request: Request, now: float) -> None:
        """Queue it, or take it into a slot."""
        request.left, request.unread = max(1, request.answer), request.prompt
        request.cost = request.prompt + request.answer
        self._queue.append(request)
        if self._until == NEVER:
            self._begin(now)

    def _begin(self, now: float) -> None:
        """Start the next piece of work: part of a prompt, and one or several tokens of each answer."""
        while len(self._running) < self._slots and len(self._queue):
            self._running.append(self._queue.take())
        if not self._running:
            self._until = NEVER
            return
        room, self._reading = self._piece, []
        for request in self._running:
            if request.unread and room:
                part = min(room, request.unread)
                self._reading.append((request, part))
                room -= part
        writing = [each for each in self._running if not each.unread]
        seconds = self._read(self._piece - room) if self._reading else 0.0
        each = self._step(len(writing)) if writing else 0.0
        self._tokens = 1 if writing else 0
        if writing and not self._reading:
            # Nothing changes until an answer ends, or a request comes that finds a free slot.
            most = min(request.left for request in writing)
            if len(self._running) < self._slots:
                most = min(most, max(1, math.ceil((self.horizon() - now) / each))) if self.horizon() < NEVER else most
            self._tokens = max(1, most)
        self._from, self._until = now, now + seconds + each * self._tokens

    def next_event(self) -> float:
        """When the piece of work is done."""
        return self._until

    def advance(self, now: float) -> None:
        """The piece is done: tokens are there, prompts are read, answers end."""
        read = {id(request) for request, _ in self._reading}
        share = (now - self._from) / self._tokens if self._tokens else 0.0
        for request in self._running:
            if request.unread or id(request) in read or not self._tokens:
                continue
            if request.first == NEVER:
                request.first = self._from + share
            request.left -= self._tokens
            if request.left <= 0:
                request.ended = now
        for request, part in self._reading:
            request.unread -= part
            if not request.unread:
                # The last token of a prompt gives the first of the answer.
                request.first = now
                request.left -= 1
                if request.left <= 0:
                    request.ended = now
        self._running = [each for each in self._running if each.ended == NEVER]
        self._begin(now)

    def load(self) -> float:
        """Requests that wait and run."""
        return float(len(self._running) + len(self._queue))

    def fail(self, now: float) -> Sequence[Request]:
        """All requests come back, to be begun again."""
        del now
        found = list(self._running)
        while len(self._queue):
            found.append(self._queue.take())
        for each in found:
            each.first = NEVER
        self._running, self._until = [], NEVER
        return found
