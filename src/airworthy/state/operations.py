"""The one way in which an operation of an administrator is announced: before it begins, and when it has ended."""

from __future__ import annotations

import contextlib
import getpass
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.log_events import log_event

_log = logging.getLogger("airworthy.operations")

Announce = Callable[[Path, str, str, str, str, dict[str, Any]], None]
"""Keeps a record: state directory, action, object, principal, outcome, and what else is known."""
LISTENERS: list[Announce] = []
"""What every announcement is given to, in order; one that raises refuses the operation."""


def local_principal() -> str:
    """The user of this process, as the one who asks: `local:ann`."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):
        return "local:unknown"


@contextlib.contextmanager
def operation(directory: Path, action: str, subject: str, principal: str, **detail: Any) -> Iterator[dict[str, Any]]:
    """Announce an operation: `began` before the block, then `success`, or `failure` with the error's code.

    Args:
        directory: the state directory.
        action: what is done, `release.promote`.
        subject: to what, `digits@3`.
        principal: by whom.
        detail: what else is known; the block may add to it.

    Raises:
        AirworthyError: it can't be recorded, so that it is refused; or what the block raises.
    """
    announce(directory, action, subject, principal, "began", detail)
    try:
        yield detail
    except AirworthyError as error:
        announce(directory, action, subject, principal, "failure", {**detail, "error": error.code})
        raise
    except BaseException as error:
        announce(directory, action, subject, principal, "failure", {**detail, "error": type(error).__name__})
        raise
    announce(directory, action, subject, principal, "success", detail)


def announce(directory: Path, action: str, subject: str, principal: str, outcome: str, detail: dict[str, Any]) -> None:
    """Announce one step of an operation.

    Args:
        directory: the state directory.
        action: what is done.
        subject: to what.
        principal: by whom.
        outcome: `began`, `success` or `failure`.
        detail: what else is known.

    Raises:
        AirworthyError: it can't be recorded.
    """
    log_event(_log, "operation", action=action, subject=subject, principal=principal, outcome=outcome)
    for listener in LISTENERS:
        listener(directory, action, subject, principal, outcome, detail)
