"""Which requests of a batch that failed run again, and which are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airworthy.core.errors import AirworthyError
from airworthy.serve import errors
from airworthy.serve.scheduling.requests import QueuedRequest

MAX_ATTEMPTS = 2
"""How often a request is given to a worker that fails or dies with it, or with a neighbour in its batch."""
_RETRY_AFTER_S = 0.5


class Retry(NamedTuple):
    """What becomes of the requests of a batch."""

    again: tuple[QueuedRequest, ...] = ()
    """They run again, each isolated, in front of the queue."""
    refused: tuple[tuple[QueuedRequest, AirworthyError], ...] = ()
    """They end with these errors."""


def after_failure(requests: Sequence[QueuedRequest], error: AirworthyError) -> Retry:
    """After a batch that failed: several run again one by one, and one that ran alone runs once more.

    It may have lacked memory that a neighbour had; only what fails again, or is the request's own fault, is reported.
    """
    first = requests[0]
    if len(requests) == 1 and (error.code == "invalid-request" or first.attempts >= MAX_ATTEMPTS):
        return Retry(refused=((first, error),))
    return Retry(tuple(requests))


def after_worker_exit(requests: Sequence[QueuedRequest], model: str, error: AirworthyError) -> Retry:
    """After the end of the worker that had the batch: the request that it died of is not known."""
    again, refused = [], []
    for request in requests:
        if request.attempts < MAX_ATTEMPTS:
            again.append(request)
        else:
            status = error.params.get("status", error.text)
            lost = errors.WorkerLost(name=model, status=status, retry_after=_RETRY_AFTER_S)
            refused.append((request, lost))
    return Retry(tuple(again), tuple(refused))
