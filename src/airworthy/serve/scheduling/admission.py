"""Whether a model takes a request: one decision, by all of its inputs, on readiness, places and estimated wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Union

from airworthy.serve.scheduling.capacity import QueueCapacity, QueueFull
from airworthy.serve.scheduling.request_options import Priority


class Demand(NamedTuple):
    """What a request asks of the queue."""

    inputs: int = 1
    """Its inputs, each of which takes a place."""
    work: int = 1
    """Their work together, in rows, or in tokens for texts."""
    priority: Priority = Priority.NORMAL
    """Its priority."""
    patience: float = 0.0
    """Seconds that its client waits for the answer; 0 for the service's deadline."""


class Admitted(NamedTuple):
    """The request may join the queue."""


class ModelNotReady(NamedTuple):
    """No worker will take the request soon."""


Decision = Union[Admitted, QueueFull, ModelNotReady]

ADMITTED = Admitted()
NOT_READY = ModelNotReady()
ANY_REQUEST = Demand()
"""The smallest request: one that is refused whatever a request asks for is refused before it is read."""


class Admission:
    """Decides for one model. Gate, handlers and the model ask here; nothing else refuses because a queue is full."""

    def __init__(self, capacity: QueueCapacity, is_accepting: Callable[[], bool]) -> None:
        """Decide by these.

        Args:
            capacity: what the queue takes.
            is_accepting: whether a worker is ready, or will be soon.
        """
        self.capacity = capacity
        """What the queue takes; it keeps the places of inputs that were admitted and have not joined it yet."""
        self._is_accepting = is_accepting

    def queue_full(self, arriving: int) -> QueueFull | None:
        """How long the queue is where it takes no request at all; None where it takes the smallest.

        Args:
            arriving: requests that were admitted and are not in the queue yet.
        """
        return self.capacity.check(1, 1, 0.0, arriving)

    def decide(self, demand: Demand = ANY_REQUEST) -> Decision:
        """The decision on a request; nothing is reserved by it.

        Args:
            demand: what it asks for.
        """
        if not self._is_accepting():
            return NOT_READY
        inputs, work, priority, patience = demand
        full = self.capacity.check(inputs, work, patience, 0)
        if full is None and priority is Priority.LOW:
            full = self.capacity.check_low_priority(inputs)
        return ADMITTED if full is None else full
