"""A request on its way through one model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from airworthy.serve.scheduling.scheduler import Schedulable
from airworthy.serve.tensors import Tensor


class InferenceRequest(NamedTuple):
    """What a request asks of a model."""

    tensors: Sequence[Tensor]
    """Its inputs, in the model's order."""
    group: Hashable = None
    """What it must share with others to run in one batch with them."""
    rows: int = 1
    """Its rows along the batch axis."""
    length: int = 0
    """Its size along the padded axis, 0 for none."""
    wanted: tuple[str, ...] = ()
    """The outputs that are needed; empty for all."""

    @classmethod
    def of_rows(cls, tensors: Sequence[Tensor], wanted: tuple[str, ...], joins: bool) -> InferenceRequest:
        """The request for tensors.

        Args:
            tensors: its inputs.
            wanted: the outputs that are needed.
            joins: whether its rows may run with those of other requests that have the same shape.
        """
        rows = {tensor.meta.shape[0] for tensor in tensors if tensor.meta.shape}
        if not joins or len(rows) != 1:
            return cls(tensors, object(), 1, 0, wanted)
        return cls(tensors, tuple(tensor.meta.shape[1:] for tensor in tensors), rows.pop(), 0, wanted)

    @property
    def work(self) -> int:
        """How much there is to do, in rows, or in tokens where texts are padded."""
        return self.rows * self.length if self.length else self.rows


class QueuedRequest(Schedulable):
    """A request on its way."""

    __slots__ = ("attempts", "future", "patience", "request_id", "sent", "tensors", "wanted")

    def __init__(
        self,
        now: float,
        arrived: float,
        patience: float,
        request: InferenceRequest,
        future: asyncio.Future[tuple[Tensor, ...]],
        request_id: Callable[[], str] = str,
    ) -> None:
        super().__init__(now, arrived + patience, (request.group, request.wanted), request.rows, request.length)
        self.patience = patience
        """Seconds from its arrival to its deadline."""
        self.tensors = request.tensors
        self.wanted = request.wanted
        self.future = future
        """Its outputs, or its error."""
        self.request_id = request_id
        """Its client's own name for it."""
        self.attempts = 0
        """How often it was given to a worker."""
        self.sent = 0.0
        """When it was last given to one, on the event loop's clock."""
