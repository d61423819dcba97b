"""A command under `diagnose --` behaves as it does alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airworthy.flows.command.kept_output import KeptOutput

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

import fcntl
import pty
import struct
import termios

PYTHON = sys.executable
OURS = (PYTHON, "-m", "airworthy", "diagnose", "--elsewhere", "--")
LIMIT = 30.0


def piped(*argv: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*OURS, *argv], input=data, capture_output=True, timeout=LIMIT)


def test_streams_stay_apart_and_the_status_is_its_own() -> None:
    done = piped("sh", "-c", "echo out; echo err >&2; exit 7")
    assert done.returncode == 7
    assert done.stdout == b"out\n"
    assert done.stderr.startswith(b"err\n")


def test_a_success_is_not_commented() -> None:
    done = piped("sh", "-c", "cat; echo 'No space left on device' >&2", data=b"in\n\0\xff")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"in\n\0\xff", b"No space left on device\n")


def test_a_failure_is_explained_on_standard_error() -> None:
    done = piped("sh", "-c", "echo 'OSError: [Errno 28] No space left on device'; exit 1")
    assert done.stdout == b"OSError: [Errno 28] No space left on device\n"
    assert b"disk-full" in done.stderr
    assert b"failed with exit status 1" in done.stderr


def test_the_format_is_taken() -> None:
    done = subprocess.run(
        [*OURS[:-1], "--format", "json", "--", "sh", "-c", "echo 'No space left on device'; exit 3"],
        capture_output=True,
        timeout=LIMIT,
    )
    assert done.returncode == 3
    assert b'"exit_status": 3' in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_the_end_by_a_signal(number: signal.Signals) -> None:
    assert piped("sh", "-c", f"kill -{int(number)} $$").returncode == 128 + number


@pytest.mark.parametrize(("argv", "status"), [(["no-such-command-anywhere"], 127), (["/etc/hostname"], 126)])
def test_a_command_that_cannot_be_started(argv: list[str], status: int) -> None:
    done = piped(*argv)
    assert done.returncode == status
    assert done.stderr.startswith(b"error: ")
    assert argv[0].encode() in done.stderr


def test_signals_are_passed_on() -> None:
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(9)); print('up', flush=True); time.sleep(20)"
    with subprocess.Popen([*OURS, PYTHON, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 9
    assert errors == b""  # it was asked to end: nothing to explain


def test_a_child_that_lives_on_does_not_hold_us() -> None:
    began = time.monotonic()
    assert piped("sh", "-c", "sleep 20 & exit 4").returncode == 4
    assert time.monotonic() - began < 10


def test_much_output_passes_whole() -> None:
    code = "import sys; sys.stdout.write('x' * 99 + '\\n'); [sys.stdout.write(str(n) * 20 + '\\n') for n in range(200_000)]; sys.exit(1)"
    done = piped(PYTHON, "-c", code)
    alone = subprocess.run([PYTHON, "-c", code], capture_output=True, timeout=LIMIT)
    assert done.stdout == alone.stdout


def test_a_reader_that_goes_away() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(OURS)} yes | head -n 3"], capture_output=True, timeout=LIMIT, env=os.environ
    )
    assert done.stdout == b"y\ny\ny\n"


class Terminal:
    """A command of ours in a terminal of the test's."""

    def __init__(self, *argv: str, rows: int = 33, columns: int = 101) -> None:
        self.master, slave = pty.openpty()
        self.size(rows, columns)
        self.process = subprocess.Popen(
            [*OURS, *argv], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=self._control
        )
        os.close(slave)
        self.seen = b""

    @staticmethod
    def _control() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def until(self, wanted: bytes) -> None:
        deadline = time.monotonic() + LIMIT
        while wanted not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    break
        assert wanted in self.seen, self.seen

    def end(self) -> int:
        deadline = time.monotonic() + LIMIT
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    break
        status = self.process.wait(LIMIT)
        while select.select([self.master], [], [], 0.1)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.seen += data
        os.close(self.master)
        return status


TELL = "import os, sys; print([os.isatty(n) for n in (0, 1, 2)], os.get_terminal_size(), flush=True)"


def test_it_has_a_terminal_of_our_size() -> None:
    terminal = Terminal(PYTHON, "-c", TELL)
    assert terminal.end() == 0
    assert b"[True, True, True] os.terminal_size(columns=101, lines=33)" in terminal.seen


def test_keys_go_through() -> None:
    terminal = Terminal(PYTHON, "-c", "print('name?', flush=True); print('hello', input()); raise SystemExit(5)")
    terminal.until(b"name?")
    terminal.type(b"Ada\r")
    assert terminal.end() == 5
    assert b"hello Ada" in terminal.seen


def test_ctrl_c_reaches_the_command() -> None:
    code = "import time\ntry:\n    print('up', flush=True)\n    time.sleep(20)\nexcept KeyboardInterrupt:\n    print('caught', flush=True)\n    raise SystemExit(6)"
    terminal = Terminal(PYTHON, "-c", code)
    terminal.until(b"up")
    terminal.type(b"\x03")
    assert terminal.end() == 6
    assert b"caught" in terminal.seen


def test_a_new_size_reaches_the_command() -> None:
    code = "import os, signal, sys, time; signal.signal(signal.SIGWINCH, lambda *_: (print(os.get_terminal_size(), flush=True), os._exit(0))); print('up', flush=True); time.sleep(20)"
    terminal = Terminal(PYTHON, "-c", code)
    terminal.until(b"up")
    terminal.size(50, 70)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    assert terminal.end() == 0
    assert b"columns=70, lines=50" in terminal.seen


def test_a_failure_in_a_terminal_is_explained() -> None:
    terminal = Terminal("sh", "-c", "echo 'OSError: [Errno 28] No space left on device'; exit 1")
    assert terminal.end() == 1
    assert b"disk-full" in terminal.seen


def test_redirected_output_stays_no_terminal(tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = f"{' '.join(OURS)} {PYTHON} -c 'import os; print([os.isatty(n) for n in (0, 1, 2)])' > {out}"
    terminal = Terminal("sh", "-c", line)
    assert terminal.end() == 0
    assert out.read_text() == "[True, False, True]\n"


def test_beginning_and_end_are_kept() -> None:
    kept = KeptOutput(head=100, tail=200)
    for number in range(100):
        kept.add(1, b"%04d\n" % number)
    data = kept.all()
    assert data.startswith(b"0000\n0001\n")
    assert data.endswith(b"0099\n")
    assert len(data) <= 320


def test_streams_do_not_mix_in_a_line() -> None:
    kept = KeptOutput()
    kept.add(1, b"one ")
    kept.add(2, b"two\n")
    kept.add(1, b"line\n")
    assert kept.all() == b"two\none line\n"
