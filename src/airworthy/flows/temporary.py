"""A service for the length of a block, in a process of its own."""

from __future__ import annotations

import contextlib
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from airworthy.core.errors import AirworthyError, Exit

START = 120.0
"""Seconds that it gets to become ready."""
STOP = 20.0
"""Seconds that it gets to end."""


class NotServed(AirworthyError):
    """The service did not start; it has said why."""

    code = "not-served"
    message = "{model} could not be served:\n{said}"
    hint = "end that first; `airworthy up {model}` shows it alone"
    exit = Exit.FINDINGS


@contextlib.contextmanager
def serving(model: str) -> Iterator[str]:
    """Serve a model on a free port; its URL.

    Raises:
        NotServed: it did not become ready.
    """
    command = [sys.executable, "-m", "airworthy", "up", model, "--port", "0"]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A group of its own: a Ctrl-C at the terminal is for this process, which ends the service itself.
        start_new_session=True,
    ) as process:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        try:
            yield _wait(model, lines)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _wait(model: str, lines: queue.Queue[str | None]) -> str:
    said: list[str] = []
    end = time.monotonic() + START
    while True:
        try:
            line = lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            raise NotServed(model=model, said="".join(said).rstrip())
        said.append(line)
        found = re.search(r"serving\s+(http://\S+)", line)
        if found is not None:
            return found.group(1)
