"""The options of a request: how long it waits, its priority, and for which tenant."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

OnDisconnect = Callable[[Callable[[], None]], None]
"""Given something to call, calls it should the client leave."""


class Priority(IntEnum):
    """Whose turn is before whose."""

    HIGH = -1
    """Counts as older than it is."""
    NORMAL = 0
    """In the order of arrival."""
    LOW = 1
    """Counts as younger than it is, and may fill a part of the queue alone."""


class RequestOptions(NamedTuple):
    """The options of one request."""

    watch: OnDisconnect | None = None
    """Says when the client leaves; None where its leaving cancels the request."""
    tenant: str = ""
    """Who may be given an answer that was kept for it."""
    arrived: float = 0.0
    """When it came, on the event loop's clock; 0 for now."""
    priority: Priority = Priority.NORMAL
    """Whose turn is before its own."""
    timeout: float = 0.0
    """Seconds that its client waits for the answer; 0 for as long as the service lets it."""
    request_id: Callable[[], str] = str
    """The client's own name for it, for the log; asked for only when something is logged."""


USUAL = RequestOptions()
"""Where nothing is said."""
