"""A command on a pseudo-terminal, so that it behaves as on the user's own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from airworthy.flows.command.kept_output import PIECE, KeptOutput, write_all
from airworthy.flows.command.signals import forwarding, is_terminal, sender_to

LINGER = 0.3
"""Seconds that what is still printed after the command's end is waited for; a child of its own may live on."""


def run_in_terminal(argv: list[str], kept: KeptOutput, asked: list[int]) -> int:
    """The exit status of a command that ran on a pseudo-terminal.

    Raises:
        OSError: the command could not be started, or there are no pseudo-terminals here.
    """
    if sys.platform == "win32":
        raise OSError("no pseudo-terminals here")
    import fcntl
    import pty
    import termios

    master, slave = pty.openpty()
    given = [slave if is_terminal(number) else number for number in (0, 1, 2)]
    pipes: dict[int, int] = {}
    inner: list[int] = []
    for number in (1, 2):
        if given[number] != slave:
            reader, writer = os.pipe()
            pipes[reader] = number
            given[number] = writer
            inner.append(writer)
    _copy_size(master)

    def control() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    try:
        if given[0] == slave:
            _copy_settings(slave)
        command = subprocess.Popen(
            argv,
            stdin=given[0],
            stdout=given[1],
            stderr=given[2],
            preexec_fn=control,  # noqa: PLW1509 - one thread, and nothing but two system calls
        )
    except BaseException:
        for number in (master, *pipes):
            os.close(number)
        raise
    finally:
        for number in (slave, *inner):
            os.close(number)
    with (
        forwarding(sender_to(command), asked, keys=True),
        _resized(master),
        _raw(0 if given[0] == slave else None) as typing,
    ):
        _shuttle(command, master, pipes, typing, kept)
        status = command.wait()
    for number in (master, *pipes):
        with contextlib.suppress(OSError):
            os.close(number)
    return status


def _copy_size(master: int) -> None:
    import fcntl
    import termios

    for number in (1, 2, 0):
        with contextlib.suppress(OSError):
            fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(number, termios.TIOCGWINSZ, b"\0" * 8))
            return


def _copy_settings(slave: int) -> None:
    import termios

    with contextlib.suppress(OSError, termios.error):
        termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(0))


@contextlib.contextmanager
def _resized(master: int) -> Iterator[None]:
    """While the block runs, the command's terminal follows the size of ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(master))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


@contextlib.contextmanager
def _raw(number: int | None) -> Iterator[int | None]:
    """While the block runs, every key goes through as it is; None where no keys are ours to read."""
    import termios
    import tty

    if number is None or not _in_foreground(number):
        yield None
        return
    before = termios.tcgetattr(number)
    tty.setraw(number, termios.TCSADRAIN)
    try:
        yield number
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _in_foreground(number: int) -> bool:
    """Whether this process may read the terminal; in the background it would be stopped."""
    try:
        return os.tcgetpgrp(number) == os.getpgrp()
    except OSError:
        return False


def _shuttle(
    command: subprocess.Popen[bytes], master: int, pipes: dict[int, int], typing: int | None, kept: KeptOutput
) -> None:
    """Pass on what the command prints and what is typed, until the command has ended and printed all."""
    import selectors

    os.set_blocking(master, False)
    shown = 1 if is_terminal(1) else 2
    outputs = {master: shown, **pipes}
    typed = b""
    quiet_since: float | None = None
    with selectors.DefaultSelector() as selector:
        for number in outputs:
            selector.register(number, selectors.EVENT_READ)
        if typing is not None:
            selector.register(typing, selectors.EVENT_READ)
        open_ = set(outputs)
        while open_:
            if master in open_:
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if typed else 0)
                selector.modify(master, wanted)
            ready = selector.select(0.1)
            for key, events in ready:
                number = key.fd
                if number == typing:
                    keys = _read(number)
                    typed += keys or b""
                    if keys == b"":
                        selector.unregister(number)
                    continue
                if events & selectors.EVENT_WRITE and typed:
                    with contextlib.suppress(OSError):
                        typed = typed[os.write(master, typed) :]
                if events & selectors.EVENT_READ:
                    data = _read(number)
                    if data == b"":
                        selector.unregister(number)
                        open_.discard(number)
                    elif data is not None:
                        quiet_since = None
                        kept.add(outputs[number], data)
                        if not write_all(outputs[number], data):
                            selector.unregister(number)
                            open_.discard(number)
                            if number != master:
                                os.close(number)
                                del pipes[number]
            if not ready and command.poll() is not None:
                quiet_since = quiet_since or time.monotonic()
                if time.monotonic() - quiet_since > LINGER:
                    return


def _read(number: int) -> bytes | None:
    """What is there to read: empty at the end, None where there is nothing now."""
    try:
        return os.read(number, PIECE)
    except BlockingIOError:
        return None
    except OSError:  # a terminal whose other side is closed
        return b""
