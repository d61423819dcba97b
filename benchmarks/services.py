"""What the benchmarks of a running service share: starting one, finding its processes, their memory and descriptors."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from serving import loadgen

from airworthy.observe.requests import LoadTarget

MIB = 1 << 20


class Usage(NamedTuple):
    """What a service's processes hold."""

    gateway: float
    """MiB of the first process's memory that no other process shares (USS), so that it counts once."""
    workers: float
    """The same of all others together."""
    resident: float
    """MiB of all processes' memory, shared pages divided among those who share them (PSS)."""
    descriptors: int
    """Open files of all processes."""
    cpu: float
    """Seconds of CPU time of all processes since they began."""


class Service:
    """A service that runs."""

    def __init__(self, process: subprocess.Popen[str], host: str, port: int) -> None:
        self.process = process
        self.host, self.port = host, port
        self.url = f"http://{host}:{port}"

    def usage(self) -> Usage:
        """What its processes hold now."""
        parent = psutil.Process(self.process.pid)
        own, others, resident, descriptors, cpu = 0, 0, 0, 0, 0.0
        for each in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = each.memory_full_info()
                resident += memory.pss
                descriptors += each.num_fds()
                times = each.cpu_times()
                cpu += times.user + times.system
                if each.pid == parent.pid:
                    own = memory.uss
                else:
                    others += memory.uss
        return Usage(own / MIB, others / MIB, resident / MIB, descriptors, cpu)

    def models(self) -> list[str]:
        """The names of its models."""
        with urllib.request.urlopen(f"{self.url}/v2/models", timeout=10) as answer:
            names: list[str] = json.loads(answer.read())["models"]
        return names

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[ {{]", line))

    def headers(self, path: str, body: bytes) -> tuple[int, dict[str, str]]:
        """The status and the headers of one answer."""
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                return int(answer.status), {name.lower(): value for name, value in answer.headers.items()}
        except urllib.error.HTTPError as error:
            error.read()
            return error.code, {name.lower(): value for name, value in error.headers.items()}


@contextlib.contextmanager
def serving(*models: Path, **settings: str) -> Iterator[Service]:
    """Our service, for the length of a block.

    Args:
        models: files or folders.
        settings: of the service, by name: `deadline="5"`.
    """
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.update({f"AIRWORTHY_SERVE_{name.upper()}": value for name, value in settings.items()})
    command = [sys.executable, "-m", "airworthy", "serve", *map(str, models), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                found = re.search(r"serving\s+http://([^:]+):(\d+)", line)
                if found:
                    time.sleep(0.5)
                    yield Service(process, found.group(1), int(found.group(2)))
                    return
            raise RuntimeError(f"the service ended with {process.wait()}")
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def loading(asked: LoadTarget) -> Iterator[tuple[Path, Path]]:
    """The load generator in C, compiled, and a file with the bodies of requests, for the length of a block."""
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies.txt"
        bodies.write_bytes(b"\n".join(asked.bodies) + b"\n")
        yield loadgen.build(Path(folder)), bodies


def digits() -> Path:
    """The example's classifier, built where it is not there."""
    examples = Path(__file__).parent.parent / "examples" / "digits"
    file = examples / "build" / "digits.onnx"
    if not file.exists():
        subprocess.run([sys.executable, examples / "build.py"], check=True, stdout=subprocess.DEVNULL)
    return file


def verdict(met: bool, text: str) -> bool:
    """Print whether something that was demanded is met; whether it is."""
    print(f"{'met   ' if met else 'MISSED'}  {text}", flush=True)
    return met
