"""The service's log on standard error, which never holds up the event loop: a reader that stalls costs lines."""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from airworthy.core.log_events import event_line

LOGGER = "airworthy.serve"
"""The logger of the service."""
MAX_WAITING_LINES = 1000
"""Lines that wait for the reader; further ones are counted and dropped."""
FLUSH_TIMEOUT_S = 1.0
"""Seconds that lines which still wait get at the end."""


class LogStream(logging.Handler):
    """Writes lines from a thread of its own."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record to the thread."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, if it can be written soon."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=FLUSH_TIMEOUT_S)
            self._thread.join(FLUSH_TIMEOUT_S)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line += "\n" + event_line("log_lines_dropped", count=dropped)
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # the stream is closed, and there is no other


@contextlib.contextmanager
def log_to_stderr() -> Iterator[None]:
    """Log from INFO on to standard error for the length of a block, where no handler was set up by the caller."""
    logger = logging.getLogger(LOGGER)
    if logger.hasHandlers() or sys.stderr is None:  # None: closed by the parent process
        yield
        return
    handler, level = LogStream(sys.stderr), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
