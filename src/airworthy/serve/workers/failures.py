"""Errors as frames: a code and parameters, never an exception."""

from __future__ import annotations

from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.serve.workers.wire import RunFailure

_MAX_DETAIL = 2000


def failure(number: int, error: AirworthyError) -> RunFailure:
    """An error as the frame that reports it."""
    return RunFailure(number, error.code, {name: _plain(value) for name, value in error.params.items()})


def one_line(error: BaseException) -> str:
    """What an exception says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_DETAIL]


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
