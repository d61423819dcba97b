"""A real service in a process of its own, started by the command line and reached over a socket."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

START = 60.0
"""Seconds that a service gets to become ready."""
PATIENCE = 20.0
"""Seconds in which anything that ends comes to its end, on a machine that is busy with something else."""


class Running:
    """A service that is ready, or one that ended before it was."""

    def __init__(self, process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        self.process = process
        self._lines = lines
        self.log: list[str] = []
        self.url = ""

    def wait_until_ready(self) -> None:
        """Read what it prints until it names its URL."""
        end = time.monotonic() + START
        while not self.url:
            line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            if line is None:
                raise AssertionError(f"it ended with {self.process.wait(5)}: {''.join(self.log)}")
            self.log.append(line)
            found = re.search(r"serving\s+(http://\S+)", line)
            if found:
                self.url = found.group(1)

    def health(self) -> dict[str, Any]:
        """The page `/health`."""
        document: dict[str, Any] = httpx.get(f"{self.url}/health", timeout=5).json()
        return document

    def worker(self, model: str) -> int:
        """The process number of the model's first worker."""
        return int(self.health()["models"][model]["workers"][0]["pid"])

    def stop(self, timeout: float = 15.0) -> int:
        """Send SIGTERM and wait; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def rest(self) -> str:
        """All that it printed, once it has ended."""
        while (line := self._lines.get(timeout=10)) is not None:
            self.log.append(line)
        return "".join(self.log)


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition; one that does not come true fails the test."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def until_it_takes_no_more(service: Running) -> None:
    """Wait until a service that was asked to end no longer listens."""

    def is_closed() -> bool:
        try:
            httpx.get(f"{service.url}/health/ready", timeout=5)
        except httpx.TransportError:
            return True
        return False

    until(is_closed)


def wait_inside(service: Running, model: str, count: int, seconds: float = PATIENCE) -> None:
    """Wait until so many requests are with a model; a busy machine is slow to send them."""
    end = time.monotonic() + seconds
    while True:
        state = service.health()["models"][model]
        if state["waiting"] + state["running"] >= count:
            return
        assert time.monotonic() < end, state
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """Our environment without settings of a developer's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRWORTHY_")}
    return {**kept, "NO_COLOR": "1", **more}


@contextlib.contextmanager
def running(
    *arguments: str | Path, env: dict[str, str] | None = None, wait: bool = True, through: Sequence[str] = ()
) -> Iterator[Running]:
    """A service for the length of a block; it is killed at the end if it still runs.

    Args:
        arguments: of the command line, `serve`, the models, options; the port is chosen by the system.
        env: settings as environment variables.
        wait: whether to wait until it is ready.
        through: a command that starts it, `prlimit` with its options.
    """
    command = [*through, sys.executable, "-m", "airworthy", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(**(env or {}))
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    service = Running(process, lines)
    try:
        if wait:
            service.wait_until_ready()
        yield service
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        reader.join(10)


def infer_body(name: str, datatype: str, rows: Sequence[Sequence[float]], **more: Any) -> bytes:
    """A request of the Open Inference Protocol with one input."""
    shape = [len(rows), len(rows[0])]
    flat = [value for row in rows for value in row]
    return json.dumps({"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": flat}], **more}).encode()


@contextlib.contextmanager
def standing_still(service: Running, name: str = "linear") -> Iterator[None]:
    """A model's workers answer nothing for the length of the block, so that requests wait."""
    workers = [int(each["pid"]) for each in service.health()["models"][name]["workers"]]
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    until(lambda: all(psutil.Process(worker).status() == psutil.STATUS_STOPPED for worker in workers))
    try:
        yield
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)
