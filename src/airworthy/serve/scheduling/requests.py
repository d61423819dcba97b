"""A request on its way through one model."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
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


class QueuedRequest(Schedulable):
    """A request on its way."""

    __slots__ = ("answer", "patience", "sent", "tensors", "tries", "wanted")

    def __init__(
        self,
        now: float,
        arrived: float,
        patience: float,
        asked: InferenceRequest,
        answer: asyncio.Future[tuple[Tensor, ...]],
    ) -> None:
        super().__init__(now, arrived + patience, (asked.group, asked.wanted), asked.rows, asked.length)
        self.patience = patience
        self.tensors = asked.tensors
        self.wanted = asked.wanted
        self.answer = answer
        self.tries = 0
        self.sent = 0.0
