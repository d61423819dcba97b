"""Faults of the worker, of the machine and of clients: no wrong answer, none lost, and how long until all is well."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from faults.recovery import Crowd, Faults, Felt
from server.running import Running, environment, infer_body, running

STALL = {"AIRWORTHY_SERVE_WORKERS_STALL_TIMEOUT": "0.5"}
BODY = infer_body("x", "FP32", [[1, 2]])
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
SLOW = pytest.mark.slow
MEMORY = Path("/sys/fs/cgroup/memory") if Path("/sys/fs/cgroup/memory").is_dir() else Path("/sys/fs/cgroup")


def tried(service: Running, fault: str, act: object, seconds: float, clients: int = 8) -> Felt:
    """What clients felt of what `act` does; the worker is a new one after it."""
    worker = service.worker("linear")
    crowd = Crowd(service, clients)
    act()  # type: ignore[operator]
    crowd.mark()
    crowd.wait_until_back()
    felt = crowd.end(fault)
    assert felt.back < seconds, felt
    assert service.worker("linear") != worker
    assert not psutil.pid_exists(worker)
    health = service.health()["models"]["linear"]
    assert (health["waiting"], health["running"]) == (0, 0)
    return felt


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, pytest.param(signal.SIGSEGV, marks=SLOW), pytest.param(signal.SIGTERM, marks=SLOW)],
    ids=lambda number: number.name,
)
def test_a_signal_to_the_worker(linear_file: Path, number: signal.Signals) -> None:
    with running("serve", linear_file) as service:
        felt = tried(service, number.name, lambda: os.kill(service.worker("linear"), number), 3)
        assert felt.statuses[200] > 100
        assert service.stop() == 0


def test_a_stopped_worker(linear_file: Path) -> None:
    with running("serve", linear_file, env=STALL) as service:
        stop = lambda: os.kill(service.worker("linear"), signal.SIGSTOP)  # noqa: E731
        tried(service, "SIGSTOP, watchdog at 0.5 s", stop, 4)
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ("segfault", 3),
        pytest.param("abort", 3, marks=SLOW),
        pytest.param("exit", 3, marks=SLOW),
        ("garbage", 3),
        pytest.param("closed socket", 5, marks=SLOW),
        ("hang", 4),
        pytest.param("hang with the lock", 4, marks=SLOW),
        pytest.param("half a frame", 4, marks=SLOW),
    ],
)
def test_a_run_that_ends_the_worker(linear_file: Path, faults: Faults, fault: str, seconds: float) -> None:
    with running("serve", linear_file, env={**STALL, **faults.environment}) as service:
        tried(service, f"{fault} in a run", lambda: faults.cause(fault), seconds)
        assert service.stop() == 0
        assert "Traceback" not in service.rest()


def test_memory_that_can_not_be_had_fails_one_run(linear_file: Path, faults: Faults) -> None:
    with running("serve", linear_file, env=faults.environment) as service:
        worker = service.worker("linear")
        crowd = Crowd(service)
        faults.cause("memory")
        crowd.mark()
        crowd.wait_until_back()
        felt = crowd.end("out of memory, allocation refused")
        assert set(felt.statuses) == {200}, "the batch was run again, one by one"
        assert service.worker("linear") == worker


@contextlib.contextmanager
def little_memory(bytes_: int) -> Iterator[Path]:
    """A control group with so much memory."""
    group = MEMORY / f"airworthy-test-{os.getpid()}"
    limit = "memory.limit_in_bytes" if MEMORY.name == "memory" else "memory.max"
    try:
        group.mkdir()
        (group / limit).write_text(str(bytes_))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control group can be made: {error}")
    try:
        yield group
    finally:
        end = time.monotonic() + 5
        while group.exists() and time.monotonic() < end:
            with contextlib.suppress(OSError):
                group.rmdir()
            time.sleep(0.05)


@SLOW
def test_the_kernel_kills_for_memory(linear_file: Path, faults: Faults) -> None:
    with little_memory(300 << 20) as group, running("serve", linear_file, env=faults.environment) as service:
        worker = service.worker("linear")

        def starve() -> None:
            (group / "cgroup.procs").write_text(str(worker))
            faults.cause("all memory")

        tried(service, "out of memory, killed by the kernel", starve, 20)
        assert service.stop() == 0


def test_a_full_disk(linear_file: Path, tmp_path: Path) -> None:
    """Logs, temporary files, caches and the model's folder all lie on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be made: {mounted.stderr.strip()}")
    try:
        model = disk / "linear.onnx"
        model.write_bytes(linear_file.read_bytes())
        everywhere = {name: str(disk) for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
        with (disk / "log").open("wb") as log, socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
            free.close()
            command = [sys.executable, "-m", "airworthy", "serve", str(model), "--port", str(port)]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=disk, env=environment(**everywhere))
        service = Running(process, None)  # type: ignore[arg-type]
        service.url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(service)
            with contextlib.suppress(OSError), (disk / "rest").open("wb") as rest:
                while True:
                    rest.write(bytes(4096))
                    rest.flush()
            tried(service, "SIGKILL with a full disk", lambda: os.kill(service.worker("linear"), signal.SIGKILL), 3)
            for path in ("/v2/models/linear/infer", "/nowhere"):
                assert httpx.post(service.url + path, content=b"{").status_code in (400, 404)
            assert service.stop() == 0
        finally:
            process.kill()
            process.wait(10)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _wait_until_ready(service: Running) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{service.url}/health/ready", timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("not ready")


@SLOW
@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("jump", ["+10y", "-10y"])
def test_the_clock_jumps(linear_file: Path, tmp_path: Path, jump: str) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    env = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "AIRWORTHY_SERVE_DEADLINE": "10",
    }
    with running("serve", linear_file, env=env) as service:
        worker = service.worker("linear")
        crowd = Crowd(service)
        crowd.mark()
        clock.write_text(jump)
        crowd.wait_until_back(5)
        time.sleep(0.7)
        os.kill(worker, signal.SIGKILL)
        crowd.mark()
        crowd.wait_until_back(9)
        felt = crowd.end(f"the clock jumps by {jump}, then SIGKILL")
        assert 504 not in felt.statuses
        metrics = httpx.get(f"{service.url}/metrics").text
        found = re.search(r'airworthy_load_seconds\{model="linear"\} (\S+)', metrics)
        assert found
        assert 0 < float(found.group(1)) < 30
        assert 0 <= service.health()["uptime_seconds"] < 60
        assert service.stop() == 0


def test_a_thousand_disconnects_a_second(linear_file: Path) -> None:
    with running("serve", linear_file) as service:
        process = psutil.Process(service.process.pid)
        crowd = Crowd(service, 4)
        asyncio.run(_leave(service, 1000, 1.0))
        files, memory = process.num_fds(), process.memory_info().rss
        crowd.mark()
        made = asyncio.run(_leave(service, 1000, 4.0))
        crowd.wait_until_back()
        felt = crowd.end(f"{made} disconnects in 4 s")
        assert made > 3000, "this machine could not ask often enough"
        assert set(felt.statuses) == {200}
        assert felt.slowest < 5
        end = time.monotonic() + 5
        while process.num_fds() > files + 5 and time.monotonic() < end:
            time.sleep(0.05)
        assert process.num_fds() <= files + 5
        assert process.memory_info().rss - memory < 16 << 20
        health = service.health()["models"]["linear"]
        assert (health["waiting"], health["running"]) == (0, 0)
        assert service.stop() == 0
        assert "Traceback" not in service.rest()


async def _leave(service: Running, rate: int, seconds: float) -> int:
    """Open connections at a rate, ask, and break each off at some point; how many."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    whole = b"POST /v2/models/linear/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
    generator, loop = random.Random(7), asyncio.get_running_loop()

    running_: set[asyncio.Task[None]] = set()
    began, made = loop.time(), 0

    async def one() -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a goodbye
        try:
            await loop.sock_connect(sock, (host, int(port)))
            await loop.sock_sendall(sock, whole[: generator.choice((0, 20, 80, len(whole), len(whole), len(whole)))])
            await asyncio.sleep(generator.choice((0, 0.0005, 0.005)))
        finally:
            sock.close()

    while (now := loop.time() - began) < seconds:
        while made < now * rate:
            made += 1
            task = asyncio.ensure_future(one())
            running_.add(task)
            task.add_done_callback(running_.discard)
        await asyncio.sleep(0.001)
    await asyncio.gather(*running_)
    return made
