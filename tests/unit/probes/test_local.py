"""The real host: limits, failures and what it costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airworthy.core import keys
from airworthy.core.facts import Known, Unknown
from airworthy.probes.host.endpoint import read_endpoint
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.probes.seam.host import OUTPUT_LIMIT, HostError
from airworthy.probes.seam.local import LocalHost
from airworthy.probes.seam.recording import record

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks about /proc and process groups")
HOST = LocalHost()


def test_command_gives_status_and_both_streams() -> None:
    done = HOST.run(sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.status, done.output.strip(), done.errors.strip()) == (3, "out", "err")


def test_command_that_floods_both_streams_neither_blocks_nor_fills_memory() -> None:
    program = "import sys\nfor _ in range(40): sys.stderr.write('e' * 100000); sys.stdout.write('o' * 100000)"
    done = HOST.run(sys.executable, "-c", program, timeout=20)
    assert len(done.output) == len(done.errors) == OUTPUT_LIMIT


@linux
def test_slow_command_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    start = time.monotonic()
    with pytest.raises(HostError, match="sh did not end within 300 ms"):
        HOST.run("sh", "-c", f"sleep 30 & echo $! > {mark}; sleep 30", timeout=0.3)
    assert time.monotonic() - start < 3
    child = int(mark.read_text())
    for _ in range(100):
        if not _alive(child):
            break
        time.sleep(0.02)
    assert not _alive(child)


@linux
def test_child_that_keeps_the_pipe_open_does_not_hold_the_answer() -> None:
    start = time.monotonic()
    done = HOST.run("sh", "-c", "sleep 30 & echo said", timeout=10)
    assert done.output == "said\n"
    assert time.monotonic() - start < 3


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


@linux
def test_commands_speak_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert HOST.run("sh", "-c", "echo $LC_ALL").output == "C\n"


def test_missing_command() -> None:
    with pytest.raises(HostError, match="no-such-tool is not installed or not on PATH"):
        HOST.run("no-such-tool")


def test_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert HOST.read(str(path)) == b"0123456789"
    assert HOST.read(str(path), 3, 4) == b"456"
    assert HOST.read(str(path), 3, 40) == b""


@linux
def test_read_refuses_what_could_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/zero", str(tmp_path)):
        with pytest.raises(HostError, match="is not a regular file"):
            HOST.read(path)


@pytest.mark.parametrize("path", ["/no/such/file", "nul\0inside"])
def test_failures_are_one_line(path: str) -> None:
    for ask in (HOST.read, HOST.list, HOST.space):
        with pytest.raises(HostError) as caught:
            ask(path)
        assert "\n" not in str(caught.value)


def test_circular_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert not HOST.exists(str(tmp_path / "a"))
    with pytest.raises(HostError):
        HOST.read(str(tmp_path / "a"))
    with pytest.raises(HostError):
        HOST.list(str(tmp_path / "a"))
    HOST.resolve(str(tmp_path / "a"))


def test_ports() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert HOST.can_listen("127.0.0.1", port) == "in-use"
        assert HOST.connect("127.0.0.1", port)
        fact = read_endpoint(HOST, "127.0.0.1", port)
    assert isinstance(fact, Known)
    assert fact.value.state == "in-use"
    if sys.platform == "linux":
        assert f"(pid {os.getpid()})" in fact.value.holder
    assert HOST.can_listen("127.0.0.1", port) == "free"
    assert not HOST.connect("127.0.0.1", port)
    assert HOST.can_listen("192.0.2.1", port) == "unavailable"
    assert isinstance(read_endpoint(HOST, "127.0.0.1", 70000), Unknown)


def test_another_interpreter_describes_itself(tmp_path: Path) -> None:
    python = LocalHost(sys.executable).interpreter()
    assert python.version == ".".join(map(str, sys.version_info[:3]))
    assert python.prefix == sys.prefix
    with pytest.raises(HostError, match="is not installed"):
        LocalHost(str(tmp_path / "python")).interpreter()
    if sys.platform == "linux":
        with pytest.raises(HostError, match="does not answer as Python does"):
            LocalHost("/bin/echo").interpreter()


def test_this_machine_recorded_says_the_same_again() -> None:
    recording, facts = record(HOST, PROBES)
    again = gather(recording, PROBES, strict=True)
    moving = {keys.MEMORY_AVAILABLE.name}
    for name in set(facts) - moving:
        assert again[name] == facts[name], name


@linux
def test_what_is_always_known_on_linux() -> None:
    facts = gather(HOST, PROBES, strict=True)
    for key in (
        keys.CPU_ARCHITECTURE,
        keys.CPU_CORES,
        keys.CPU_AFFINITY,
        keys.MEMORY_TOTAL,
        keys.MEMORY_AVAILABLE,
        keys.OS_NAME,
        keys.LIBC_VERSION,
        keys.PYTHON_VERSION,
        keys.DISTRIBUTIONS,
        keys.BINARIES,
        keys.DISKS,
    ):
        assert isinstance(facts.fact(key), Known), (key, facts.fact(key))
    assert facts.value(keys.CPU_CORES) == os.cpu_count()
    names = {package.name for package in facts.value(keys.DISTRIBUTIONS)}
    assert {"msgspec", "pytest", "hypothesis"} <= names


def test_gathering_imports_nothing_heavy() -> None:
    program = """
import sys
from airworthy.probes.seam.local import LocalHost
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
gather(LocalHost(), [PROBES.get(name) for name in PROBES.names()])
print(*sys.modules)
"""
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, env=unmeasured
    )
    heavy = {"asyncio", "numpy", "torch", "onnxruntime", "subprocess", "ctypes", "logging", "multiprocessing"}
    assert not set(done.stdout.split()) & heavy
