"""The end of a request: its outputs, or an error; counted once, whichever comes first."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.core.errors import AirworthyError
from airworthy.serve import errors
from airworthy.serve.metrics.metrics import ModelMetrics
from airworthy.serve.scheduling.requests import QueuedRequest
from airworthy.serve.tensors import Tensor


class Outcomes:
    """Ends the requests of one model."""

    def __init__(self, metrics: ModelMetrics) -> None:
        self._metrics = metrics

    def deliver(self, requests: Sequence[QueuedRequest], outputs: Sequence[tuple[Tensor, ...]], now: float) -> None:
        """Give the requests of a batch their outputs."""
        answered = self._metrics.answered
        for request, own in zip(requests, outputs, strict=True):
            if not request.future.done():
                request.future.set_result(own)
                answered(request.sent - request.arrived, now - request.arrived)

    def refuse(self, request: QueuedRequest, error: AirworthyError) -> None:
        """End a request with an error."""
        if not request.future.done():
            self._metrics.rejected(error.code, request.request_id())
            request.future.set_exception(error)

    def client_gone(self, request: QueuedRequest) -> None:
        """End a request whose client has left."""
        if not request.future.done():
            self._metrics.rejected("disconnected")
            request.future.set_exception(errors.ClientGone())

    def is_over(self, request: QueuedRequest, now: float) -> bool:
        """Whether a request needs no outputs any more; one whose deadline has passed is refused."""
        if now >= request.deadline:
            self.refuse(request, errors.DeadlinePassed(deadline=request.patience))
        return request.future.done()
