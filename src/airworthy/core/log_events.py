"""Log lines of events: a name and its fields as `key=value`, one line each, whatever the values hold."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

MAX_VALUE_CHARS = 500
"""Characters of a value that are logged."""
_PLAIN = re.compile(r"[\w.:/@%+,-]+", re.ASCII)


def log_event(logger: logging.Logger, event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event.

    Args:
        logger: where to.
        event: what happened, in snake_case.
        level: how grave it is.
        fields: what it happened to; fields that are empty or None are left out.
    """
    if logger.isEnabledFor(level):
        logger.log(level, "%s", event_line(event, **fields))


def event_line(event: str, **fields: Any) -> str:
    """The line of an event. Values but plain words are JSON strings, so that none can forge a field or a line."""
    given = [f"{name}={_value(value)}" for name, value in fields.items() if value is not None and value != ""]
    return " ".join([f"event={event}", *given])


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    if _PLAIN.fullmatch(text) and len(text) <= MAX_VALUE_CHARS:
        return text
    return json.dumps(text[:MAX_VALUE_CHARS]).replace("\x7f", "\\u007f")
