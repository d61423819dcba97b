"""The queue of a model, with the work that waits in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar, overload

from airworthy.serve.scheduling.scheduler import Schedulable

T = TypeVar("T", bound=Schedulable)


class RequestQueue(Sequence[T], Generic[T]):
    """Waiting requests in the order of their turns, which is that of their arrival where none has a priority."""

    def __init__(self) -> None:
        self._tickets: deque[T] = deque()
        self.work = 0
        """Rows or tokens that wait."""

    def append(self, ticket: T) -> None:
        """Add one that has come, before those whose turn is after its own."""
        tickets = self._tickets
        place = len(tickets)
        while place and tickets[place - 1].rank > ticket.rank:
            place -= 1
        if place == len(tickets):
            tickets.append(ticket)
        else:
            tickets.insert(place, ticket)
        self.work += ticket.work

    def put_back(self, tickets: Sequence[T]) -> None:
        """Add those whose turn is before all others', in the order of their turns."""
        self._tickets.extendleft(reversed(tickets))
        self.work += sum(ticket.work for ticket in tickets)

    def take(self, chosen: Sequence[T]) -> None:
        """Take out these, which are here; mostly they are the first."""
        if all(ticket is first for ticket, first in zip(chosen, self._tickets, strict=False)):
            for _ in chosen:
                self.work -= self._tickets.popleft().work
        else:
            gone = set(map(id, chosen))
            self.keep(lambda ticket: id(ticket) not in gone)

    def keep(self, wanted: Callable[[T], bool]) -> None:
        """Drop those that are not wanted; each is asked once, oldest first."""
        self._tickets = deque(ticket for ticket in self._tickets if wanted(ticket))
        self.work = sum(ticket.work for ticket in self._tickets)

    def clear(self) -> None:
        """Drop all."""
        self._tickets.clear()
        self.work = 0

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        """One by its place, or a list of some."""
        if isinstance(index, slice):
            return list(islice(self._tickets, *index.indices(len(self._tickets))))
        return self._tickets[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._tickets)

    def __len__(self) -> int:
        return len(self._tickets)
