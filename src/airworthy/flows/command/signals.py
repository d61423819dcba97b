"""Signals to this process that go to the command while it runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

_FORWARDED = tuple(
    number
    for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None
)


_KEYS = tuple(number for name in ("SIGINT", "SIGQUIT") if (number := getattr(signal, name, None)) is not None)


def is_terminal(number: int) -> bool:
    """Whether a descriptor is a terminal; False where it is closed."""
    try:
        return os.isatty(number)
    except OSError:
        return False


@contextlib.contextmanager
def forwarding(send: Callable[[int], None], asked: list[int], *, keys: bool) -> Iterator[None]:
    """While the block runs, signals to this process go to the command.

    Args:
        send: sends a signal to the command.
        asked: signals that were passed on are noted here.
        keys: whether interrupt and quit are passed on too; not so where the terminal sends them to the command itself.
    """

    def forward(number: int, frame: Any) -> None:
        del frame
        asked.append(number)
        send(number)

    def note(number: int, frame: Any) -> None:
        del frame
        asked.append(number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in _FORWARDED:
            before[number] = signal.signal(number, forward)
        for number in _KEYS:
            before[number] = signal.signal(number, forward if keys else note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sender_to(command: subprocess.Popen[bytes]) -> Callable[[int], None]:
    """Sends a signal to a command, which may have ended."""

    def send(number: int) -> None:
        with contextlib.suppress(OSError):
            command.send_signal(number)

    return send
