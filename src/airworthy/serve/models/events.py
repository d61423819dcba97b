"""Log lines of what happens to one model."""

from __future__ import annotations

import logging
from typing import Any

from airworthy.core.log_events import log_event
from airworthy.serve.models.version import VERSION

_log = logging.getLogger("airworthy.serve")


class ModelEvents:
    """Logs the events of a model with its name, version and engine."""

    def __init__(self, model: str, engine: str, version: str = VERSION) -> None:
        self._model = model
        self._engine = engine
        self._version = version

    def log(self, event: str, level: int = logging.INFO, **fields: Any) -> None:
        """Log an event.

        Args:
            event: what happened, in snake_case.
            level: how grave it is.
            fields: what it happened with.
        """
        log_event(_log, event, level, model=self._model, version=self._version, engine=self._engine, **fields)

    def load_refused(self, reason: str, seconds: float) -> None:
        """Log that the model did not load, after so many seconds; what served before goes on."""
        self.log("model_load_refused", logging.ERROR, reason=reason, seconds=seconds)
