"""A queue in which each tenant gets its share of the tokens, however many requests it has: deficit round robin.

The tenant whose turn it is may take as many tokens as its account holds; each turn adds a quantum to it (Shreedhar and
Varghese, "Efficient Fair Queuing using Deficit Round Robin", 1995). A plain object without clock, thread or I/O.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

QUANTUM = 1024
"""Tokens that a turn adds to a tenant's account."""


class Costed(Protocol):
    """What can wait in the queue."""

    tenant: str
    """Whose it is."""
    cost: int
    """Tokens that it takes, prompt and answer, as far as they can be determined before."""


T = TypeVar("T", bound=Costed)


class FairQueue(Generic[T]):
    """Requests of several tenants; those of one tenant leave in the order in which they came."""

    def __init__(self, quantum: int = QUANTUM) -> None:
        self._quantum = quantum
        self._tenants: OrderedDict[str, deque[T]] = OrderedDict()
        self._accounts: dict[str, int] = {}
        self._size = 0
        self.tokens = 0
        """Tokens of all that wait."""

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        for waiting in self._tenants.values():
            yield from waiting

    def append(self, item: T) -> None:
        """Add one behind those of its tenant."""
        self._tenants.setdefault(item.tenant, deque()).append(item)
        self._count(item, 1)

    def put_back(self, item: T) -> None:
        """Add one before those of its tenant: it had its turn, and what it took is on its account again."""
        self._tenants.setdefault(item.tenant, deque()).appendleft(item)
        self._accounts[item.tenant] = self._accounts.get(item.tenant, 0) + item.cost
        self._count(item, 1)

    def take(self) -> T | None:
        """The next one; None where nothing waits."""
        while self._tenants:
            tenant, waiting = next(iter(self._tenants.items()))
            account = self._accounts.get(tenant, 0)
            if waiting[0].cost <= account or len(self._tenants) == 1:
                item = waiting.popleft()
                self._accounts[tenant] = max(0, account - item.cost)
                self._drop_if_empty(tenant)
                self._count(item, -1)
                return item
            self._accounts[tenant] = account + self._quantum
            self._tenants.move_to_end(tenant)
        return None

    def remove(self, item: T) -> bool:
        """Take one out wherever it is; whether it was here."""
        waiting = self._tenants.get(item.tenant)
        if waiting is None or item not in waiting:
            return False
        waiting.remove(item)
        self._drop_if_empty(item.tenant)
        self._count(item, -1)
        return True

    def _drop_if_empty(self, tenant: str) -> None:
        # A tenant that has nothing waiting saves nothing up.
        if not self._tenants[tenant]:
            del self._tenants[tenant]
            self._accounts.pop(tenant, None)

    def _count(self, item: T, sign: int) -> None:
        self._size += sign
        self.tokens += sign * item.cost
