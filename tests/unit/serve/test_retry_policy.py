"""Which requests of a batch that failed run again, and which are refused."""

from __future__ import annotations

from typing import Any, cast

import pytest

from airworthy.core.errors import AirworthyError
from airworthy.serve import errors
from airworthy.serve.scheduling.requests import InferenceRequest, QueuedRequest
from airworthy.serve.scheduling.retry_policy import MAX_ATTEMPTS, Retry, after_failure, after_worker_exit
from airworthy.serve.workers.link import WorkerExit

FAILED = errors.InferenceFailed(detail="out of memory")
INVALID = errors.InvalidRequest(detail="a wrong shape")


def request(attempts: int = 1) -> QueuedRequest:
    made = QueuedRequest(0.0, 0.0, 1.0, InferenceRequest(()), cast("Any", None))
    made.attempts = attempts
    return made


@pytest.mark.parametrize("error", [FAILED, INVALID])
@pytest.mark.parametrize("attempts", [1, MAX_ATTEMPTS, MAX_ATTEMPTS + 1])
def test_a_batch_of_several_is_run_again_whatever_it_failed_of(error: AirworthyError, attempts: int) -> None:
    several = (request(attempts), request(attempts))
    assert after_failure(several, error) == Retry(several)


@pytest.mark.parametrize(
    ("attempts", "error", "again"),
    [(1, FAILED, True), (1, INVALID, False), (MAX_ATTEMPTS, FAILED, False), (MAX_ATTEMPTS, INVALID, False)],
)
def test_one_that_ran_alone_runs_once_more_unless_it_is_its_own_fault(
    attempts: int, error: AirworthyError, again: bool
) -> None:
    alone = request(attempts)
    assert after_failure((alone,), error) == (Retry((alone,)) if again else Retry(refused=((alone, error),)))


def test_only_a_request_that_saw_two_workers_end_is_refused() -> None:
    first, second = request(1), request(MAX_ATTEMPTS)
    retry = after_worker_exit((first, second), "m", WorkerExit(model="m", status="signal SIGKILL", words=""))
    assert retry.again == (first,)
    ((refused, error),) = retry.refused
    assert refused is second
    assert isinstance(error, errors.WorkerLost)
    assert error.text == "the worker of 'm' died on this request (signal SIGKILL)"
    assert after_worker_exit((), "m", FAILED) == Retry()
