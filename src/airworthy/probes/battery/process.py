"""A child process that answers line by line: read as it goes, ended when it says nothing for too long."""

from __future__ import annotations

import collections
import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

LONGEST_LINE = 64 * 1024
"""Bytes of a line that is read; a longer one is no answer."""
MOST_LINES = 10_000
"""Lines that are read in all."""
KEPT = 16 * 1024
"""Bytes kept of the end of standard error."""
REAP = 2.0
"""Seconds that a killed child is waited for."""


class Child:
    """A running child; `messages` gives what it says, and afterwards the other attributes say how it ended."""

    def __init__(self, argv: Sequence[str], request: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """Start it and hand it one line of JSON; its standard input stays open until it ends.

        Raises:
            OSError: it can't be started.
        """
        self.status: int | None = None
        """Its exit status, negative for a signal; None where it had to be ended."""
        self.silent = False
        """Whether it was ended because it said nothing for too long."""
        self.late = False
        """Whether it was ended because its time was over."""
        self.garbage = 0
        """Lines that were no answers."""
        self.patience = math.inf
        """Seconds that it may say nothing; the reader of its answers may change that as they come."""
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._lines: queue.Queue[bytes | None] = queue.Queue(maxsize=1000)
        self._tail: collections.deque[bytes] = collections.deque()
        self._readers = (
            threading.Thread(target=self._read_lines, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_tail, args=(self._process.stderr,), daemon=True),
        )
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(OSError):  # a child that ended at once is handled below
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    @property
    def errors(self) -> str:
        """The end of what it wrote to standard error."""
        return b"".join(self._tail)[-KEPT:].decode("utf-8", "replace")

    def messages(self, until: float) -> Iterator[dict[str, Any]]:
        """Its answers as they come; it is ended when its patience is over, or at a time of `time.monotonic`."""
        heard, count = time.monotonic(), 0
        try:
            while True:
                left = min(heard + self.patience, until) - time.monotonic()
                try:
                    line = self._lines.get(timeout=max(0.0, left))
                except queue.Empty:
                    self.late = time.monotonic() >= until
                    self.silent = not self.late
                    return
                if line is None:
                    self._settle()
                    return
                count += 1
                message = _parsed(line)
                if message is None:
                    self.garbage += 1
                else:
                    heard = time.monotonic()
                    yield message
                if count >= MOST_LINES:
                    self.late = True
                    return
        finally:
            self._end()

    def _settle(self) -> None:
        """Its answers have ended, and so will it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.status = self._process.wait(REAP)
        self._readers[1].join(0.5)

    def _end(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.name == "posix":
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP)  # one that the kernel holds on to ends later or never
        for reader in self._readers:
            reader.join(0.5)

    def _read_lines(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(LONGEST_LINE):
                self._lines.put(line)
        self._lines.put(None)

    def _read_tail(self, stream: IO[bytes]) -> None:
        size = 0
        with stream:
            while piece := os.read(stream.fileno(), 8192):
                self._tail.append(piece)
                size += len(piece)
                while size - len(self._tail[0]) >= KEPT:
                    size -= len(self._tail.popleft())


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
