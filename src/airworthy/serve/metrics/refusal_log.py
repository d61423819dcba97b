"""Log lines of refused requests: at most one a second for each reason, with how many there were."""

from __future__ import annotations

import asyncio
import logging

from airworthy.core.log_events import log_event

INTERVAL_S = 1.0
"""Seconds that the refusals of one line came in."""
_log = logging.getLogger("airworthy.serve")


class RefusalLog:
    """Logs the refusals of one model."""

    def __init__(self, model: str, version: str) -> None:
        self._model = model
        self._version = version
        self._open: dict[str, int] = {}
        self._request_ids: dict[str, str] = {}

    def add(self, reason: str, request_id: str = "") -> None:
        """Count one; the first after a quiet second is logged at once.

        Args:
            reason: why it was refused, one of a few.
            request_id: the request's own id; a line has one of them.
        """
        if reason in self._open:
            self._open[reason] += 1
            if request_id:
                self._request_ids[reason] = request_id
            return
        self._open[reason] = 0
        self._write(reason, 1, request_id)
        asyncio.get_running_loop().call_later(INTERVAL_S, self._close, reason)

    def _close(self, reason: str) -> None:
        count = self._open[reason]
        request_id = self._request_ids.pop(reason, "")
        if not count:
            del self._open[reason]
            return
        self._open[reason] = 0
        self._write(reason, count, request_id)
        asyncio.get_running_loop().call_later(INTERVAL_S, self._close, reason)

    def _write(self, reason: str, count: int, request_id: str) -> None:
        log_event(
            _log,
            "request_refused",
            logging.WARNING,
            model=self._model,
            version=self._version,
            reason=reason,
            count=count,
            request_id=request_id,
        )
