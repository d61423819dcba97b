"""Which of the waiting requests run together next: a plain object without clock, thread or I/O.

The first in the queue, which is the oldest but for priorities, always runs next, so none starves; others join it when
they fit into the same tensors, as long as the padding that each of them causes costs less than the run of its own that
it saves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Union

from airworthy.serve.scheduling.cost_curve import CostCurve

COMPANION_WINDOW = 256
"""Waiting texts, the oldest ones, among which company of like length is looked for: sorting more takes too long."""


class Schedulable:
    """A waiting request, as far as batching is concerned."""

    __slots__ = ("arrived", "deadline", "group", "isolated", "length", "rank", "rows", "work")

    arrived: float
    """When it came, in seconds of a monotonic clock."""
    deadline: float
    """When its answer is of no use any more, on the same clock."""
    group: Hashable
    """Requests of one group fit into the same tensors, but for the number of rows and the length."""
    rows: int
    """Rows along the batch axis."""
    length: int
    """Size along the axis that is padded (tokens of a text); 0 where nothing is padded."""
    isolated: bool
    """Whether it must run alone, because a batch that it was in failed."""
    work: int
    """How much there is to do, in rows, or in tokens where texts are padded."""
    rank: float
    """Its turn: when it came, and with another priority some seconds before or after that."""

    def __init__(
        self,
        arrived: float,
        deadline: float,
        group: Hashable = None,
        rows: int = 1,
        length: int = 0,
        isolated: bool = False,
    ) -> None:
        self.arrived = arrived
        self.deadline = deadline
        self.group = group
        self.rows = rows
        self.length = length
        self.isolated = isolated
        self.work = rows * length if length else rows
        self.rank = arrived

    def __repr__(self) -> str:
        return f"Ticket({self.arrived}, {self.deadline}, {self.group!r}, {self.rows}, {self.length}, {self.isolated})"


@dataclass(frozen=True)
class Limits:
    """The bounds of a batch."""

    rows: int = 32
    """The most rows; 1 turns batching off. A single request may have more."""
    tokens: int = 256
    """The most elements along the padded axis times rows, padding counted. A single request may have more."""
    padding: bool = True
    """Whether texts of unlike length may run together, the shorter ones filled up."""
    wait: float = 0.0
    """Seconds that the oldest request may wait for company."""


@dataclass(frozen=True)
class Batch:
    """These run now, together."""

    tickets: tuple[Schedulable, ...]
    """At least one; the oldest first."""


@dataclass(frozen=True)
class Wait:
    """Nothing runs now."""

    until: float | None
    """When to ask again at the latest; None: when something new comes."""


class Scheduler:
    """Decides from the queue alone."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        """The bounds."""
        self.cost: Callable[[int], float] = CostCurve()
        """What a run with so many elements costs, in any unit; the caller corrects it as it learns it."""

    def step(self, now: float, queue: Sequence[Schedulable], free: int = 1) -> Union[Batch, Wait]:
        """What to run now.

        Args:
            now: the time on the clock that the tickets carry.
            queue: the waiting tickets in the order of their turns. It is not changed: the caller takes out a batch.
            free: runs that could start now, this one counted; with several, none takes more than its share.
        """
        if not queue:
            return Wait(None)
        limits = self.limits
        oldest = queue[0]
        if oldest.isolated or limits.rows <= oldest.rows:
            return Batch((oldest,))
        chosen = self._by_arrival(queue, free) if not oldest.length else self._by_length(queue, free)
        if limits.wait > 0:
            full = sum(ticket.rows for ticket in chosen) >= limits.rows
            ready_at = oldest.arrived + limits.wait
            if not full and now < ready_at:
                return Wait(ready_at)
        return Batch(tuple(chosen))

    def _by_arrival(self, queue: Sequence[Schedulable], free: int) -> list[Schedulable]:
        """Everything of the oldest one's group that fits, in order of arrival."""
        oldest, most = queue[0], self.limits.rows
        if free > 1:
            most = max(oldest.rows, min(most, -(-sum(ticket.rows for ticket in queue) // free)))
        chosen, rows, group = [], 0, oldest.group
        for ticket in queue:
            if ticket.group == group and not ticket.isolated and rows + ticket.rows <= most:
                chosen.append(ticket)
                rows += ticket.rows
                if rows == most:
                    break
        return chosen

    def _by_length(self, queue: Sequence[Schedulable], free: int) -> list[Schedulable]:
        """Those whose length is nearest to the oldest one's, while each is better off with it than in its own run."""
        oldest, limits, cost = queue[0], self.limits, self.cost
        near = queue if len(queue) <= COMPANION_WINDOW else queue[:COMPANION_WINDOW]
        others = [t for t in near if t is not oldest and t.group == oldest.group and t.length and not t.isolated]
        if not limits.padding:
            others = [ticket for ticket in others if ticket.length == oldest.length]
        others.sort(key=lambda ticket: abs(ticket.length - oldest.length))
        most = limits.tokens
        if free > 1:
            most = min(most, -(-sum(ticket.work for ticket in near) // free))
        chosen, rows, longest, together = [oldest], oldest.rows, oldest.length, cost(oldest.work)
        for ticket in others:
            new_rows, new_longest = rows + ticket.rows, max(longest, ticket.length)
            padded = new_rows * new_longest
            if new_rows > limits.rows or padded > most or cost(padded) > together + cost(ticket.work):
                continue
            chosen.append(ticket)
            rows, longest, together = new_rows, new_longest, cost(padded)
            if rows == limits.rows:
                break
        return chosen
