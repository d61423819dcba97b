"""Running a command as if nothing stood between it and its user, and keeping what it printed.

Where standard output or standard error is a terminal, the command gets a terminal of its own, of the same size, with
the user's keys passed on: it colours, asks and draws as ever. Elsewhere it gets pipes, one each, so that what was
apart stays apart. Standard input that is no terminal is handed over as it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

HEAD = 1024 * 1024
"""Bytes kept of the beginning of what a command prints."""
TAIL = 8 * 1024 * 1024
"""Bytes kept of its end."""
PIECE = 64 * 1024
"""Bytes passed on at once."""
LINGER = 0.3
"""Seconds that what is still printed after the command's end is waited for; a child of its own may live on."""
NOT_FOUND = 127
"""The status of a command that doesn't exist, as shells have it."""
NOT_EXECUTABLE = 126
"""The status of a file that can't be run, as shells have it."""
SIGNALLED = 128
"""What is added to the number of the signal that ended a command."""

_ON_POSIX = os.name == "posix"
_FORWARDED = tuple(
    number
    for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None
)
_KEYS = tuple(number for name in ("SIGINT", "SIGQUIT") if (number := getattr(signal, name, None)) is not None)


class Ended(NamedTuple):
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


class Kept:
    """The beginning and the end of what a command prints, in whole lines."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._lock = threading.Lock()
        self._head, self._head_room = bytearray(), head
        self._tail: deque[bytes] = deque()
        self._tail_size, self._tail_room = 0, tail
        self._open: dict[int, bytes] = {}

    def add(self, source: int, data: bytes) -> None:
        """Take more of one of the streams; a line without an end waits for it, so that streams don't mix in it."""
        whole = self._open.pop(source, b"") + data
        end = whole.rfind(b"\n") + 1
        if end < len(whole) and len(whole) - end <= PIECE:
            self._open[source] = whole[end:]
            whole = whole[:end]
        if whole:
            self._keep(whole)

    def _keep(self, data: bytes) -> None:
        with self._lock:
            if self._head_room > 0 and not self._tail:
                taken = data[: self._head_room]
                self._head += taken
                self._head_room -= len(taken)
                data = data[len(taken) :]
            if data:
                self._tail.append(data)
                self._tail_size += len(data)
                while self._tail_size > self._tail_room:
                    self._tail_size -= len(self._tail.popleft())

    def all(self) -> bytes:
        """What was kept."""
        for source in list(self._open):
            self._keep(self._open.pop(source) + b"\n")
        return bytes(self._head) + b"".join(self._tail)


def run(argv: Sequence[str]) -> Ended:
    """Run a command and pass everything on, both ways; returns when it has ended.

    There is no limit to how long it runs: a service runs for months.
    """
    kept = Kept()
    asked: list[int] = []
    terminal = _ON_POSIX and any(_is_terminal(number) for number in (1, 2))
    try:
        status = (_in_terminal if terminal else _in_pipes)(list(argv), kept, asked)
    except FileNotFoundError:
        return Ended(NOT_FOUND, b"", False, os.strerror(2))
    except OSError as error:
        return Ended(NOT_EXECUTABLE, b"", False, error.strerror or str(error))
    status = SIGNALLED - status if status < 0 else status
    return Ended(status, kept.all(), bool(asked))


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False


@contextlib.contextmanager
def _passed_on(send: Callable[[int], None], asked: list[int], *, keys: bool) -> Iterator[None]:
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


def _in_pipes(argv: list[str], kept: Kept, asked: list[int]) -> int:
    command = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    with _passed_on(_sender(command), asked, keys=not _is_terminal(0)):
        copies = [_Copy(command.stdout, 1, kept), _Copy(command.stderr, 2, kept)]
        for copy in copies:
            copy.start()
        status = command.wait()
        for copy in copies:
            copy.finish()
    return status


def _sender(command: subprocess.Popen[bytes]) -> Callable[[int], None]:
    def send(number: int) -> None:
        with contextlib.suppress(OSError):
            command.send_signal(number)

    return send


class _Copy(threading.Thread):
    """Passes one of the command's streams on."""

    def __init__(self, source: Any, target: int, kept: Kept) -> None:
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
                # Whoever read our output has gone: let the command notice as it would without us.
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


def write_all(number: int, data: bytes) -> bool:
    """Write to a descriptor until all is written; False where nobody reads any more."""
    view = memoryview(data)
    try:
        while view:
            written = _write_some(number, view)
            view = view[written:]
            if not written:
                time.sleep(0.005)
    except OSError:
        return False
    return True


def _write_some(number: int, data: memoryview) -> int:
    """How many bytes went out; 0 where the other side has no room now."""
    try:
        return os.write(number, data)
    except BlockingIOError:
        return 0


def _in_terminal(argv: list[str], kept: Kept, asked: list[int]) -> int:
    if sys.platform == "win32":
        raise OSError("no pseudo-terminals here")
    import fcntl
    import pty
    import termios

    master, slave = pty.openpty()
    given = [slave if _is_terminal(number) else number for number in (0, 1, 2)]
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
        _passed_on(_sender(command), asked, keys=True),
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
    command: subprocess.Popen[bytes], master: int, pipes: dict[int, int], typing: int | None, kept: Kept
) -> None:
    """Pass on what the command prints and what is typed, until the command has ended and printed all."""
    import selectors

    os.set_blocking(master, False)
    shown = 1 if _is_terminal(1) else 2
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
