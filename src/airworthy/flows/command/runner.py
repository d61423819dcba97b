"""Running a command as if nothing stood between it and its user, and keeping what it printed.

Where standard output or standard error is a terminal, the command gets a terminal of its own, of the same size, with
the user's keys passed on: it colours, asks and draws as ever. Elsewhere it gets pipes, one each, so that what was
apart stays apart. Standard input that is no terminal is handed over as it is.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from airworthy.flows.command.kept_output import PIECE, KeptOutput, write_all
from airworthy.flows.command.signals import forwarding, is_terminal, sender_to
from airworthy.flows.command.terminal import LINGER, run_in_terminal

NOT_FOUND = 127
"""The status of a command that doesn't exist, as shells have it."""


NOT_EXECUTABLE = 126
"""The status of a file that can't be run, as shells have it."""


SIGNALLED = 128
"""What is added to the number of the signal that ended a command."""


_ON_POSIX = os.name == "posix"


class CommandExit(NamedTuple):
    """A command that ended."""

    status: int
    """Its exit status; 128 and the signal's number where a signal ended it."""
    printed: bytes
    """What it printed, the beginning and the end of it, both streams in the order of their lines."""
    asked_to_end: bool
    """Whether a signal was passed on to it: then its end is no failure."""
    problem: str = ""
    """Why it could not be started; empty where it was."""

    @property
    def signal(self) -> int:
        """The signal that ended it, or 0."""
        return self.status - SIGNALLED if self.status > SIGNALLED else 0


def run(argv: Sequence[str]) -> CommandExit:
    """Run a command and pass everything on, both ways; returns when it has ended.

    There is no limit to how long it runs: a service runs for months.
    """
    kept = KeptOutput()
    asked: list[int] = []
    terminal = _ON_POSIX and any(is_terminal(number) for number in (1, 2))
    try:
        status = (run_in_terminal if terminal else _in_pipes)(list(argv), kept, asked)
    except FileNotFoundError:
        return CommandExit(NOT_FOUND, b"", False, os.strerror(2))
    except OSError as error:
        return CommandExit(NOT_EXECUTABLE, b"", False, error.strerror or str(error))
    status = SIGNALLED - status if status < 0 else status
    return CommandExit(status, kept.all(), bool(asked))


def _in_pipes(argv: list[str], kept: KeptOutput, asked: list[int]) -> int:
    command = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    with forwarding(sender_to(command), asked, keys=not is_terminal(0)):
        copies = [_Copy(command.stdout, 1, kept), _Copy(command.stderr, 2, kept)]
        for copy in copies:
            copy.start()
        status = command.wait()
        for copy in copies:
            copy.finish()
    return status


class _Copy(threading.Thread):
    """Passes one of the command's streams on."""

    def __init__(self, source: Any, target: int, kept: KeptOutput) -> None:
        super().__init__(daemon=True, name=f"airworthy-copy-{target}")
        self._source, self._target, self._kept = source, target, kept
        self._lock = threading.Lock()
        self._last = time.monotonic()

    def run(self) -> None:
        number = self._source.fileno()
        while True:
            try:
                data = os.read(number, PIECE)
            except OSError:
                return
            if not data:
                return
            self._last = time.monotonic()
            self._kept.add(self._target, data)
            if not write_all(self._target, data):
                # The reader of our output has gone: let the command notice as it would without us.
                self._close()
                return

    def _close(self) -> None:
        with self._lock:
            self._source.close()

    def finish(self) -> None:
        """Wait until the stream ends, or nothing has come for a moment after the command's end."""
        while self.is_alive():
            self.join(0.05)
            if time.monotonic() - self._last > LINGER:
                self.join(LINGER)
                break
        if not self.is_alive():
            self._close()
