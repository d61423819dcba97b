"""A server under test: started in a session of its own, found again by a mark in its environment, measured, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from serving import environments, models
from serving.peers import HERE, Server, cores

START_S = 90.0
"""Seconds that a server gets to give its first answer."""
PORTS = range(18000, 28000, 10)


class Failed(Exception):
    """A server did not start, or ended."""


def free_port() -> int:
    """A port that is free, as are the two after it (MLServer takes three)."""
    start = PORTS[os.getpid() * 7 % len(PORTS)]
    for first in (*range(start, PORTS.stop, PORTS.step), *range(PORTS.start, start, PORTS.step)):
        taken = False
        for port in range(first, first + 3):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    taken = True
        if not taken:
            return first
    raise Failed(f"no free port from {PORTS.start} to {PORTS.stop}")


class Service:
    """One server with one model, running."""

    def __init__(self, server: Server, model: str, home: Path, scratch: Path) -> None:
        self.server, self.model = server, model
        self.port = free_port()
        self._mark = f"BENCH_RUN_ID={server.name}-{model}-{os.getpid()}-{time.time_ns()}"
        path = models.path(home, model)
        at = {
            "bin": str(environments.folder(home, server.environment) / "bin"),
            "python": sys.executable,
            "servers": str(HERE / "servers"),
            "scratch": str(scratch),
            "cores": str(cores()),
            "model": model,
            "path": str(path),
            "port": str(self.port),
        }
        self.path = server.asked(model).path.format(model=model)
        for name in ("ray-home", "haproxy", "logs"):
            (scratch / name).mkdir(exist_ok=True)
        self.log = scratch / "logs" / f"{server.name}-{model}.log"
        with self.log.open("wb") as log:
            self.began = time.monotonic()
            self.process = subprocess.Popen(
                [part.format(**at) for part in server.command],
                env=self._environment(at, home),
                cwd=HERE / "servers" if server.environment else scratch,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environment(self, at: dict[str, str], home: Path) -> dict[str, str]:
        ours = ("BENCH_", "PYTHON", "AIRWORTHY_", "VIRTUAL_ENV")
        env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        name, _, value = self._mark.partition("=")
        env[name] = value
        if self.server.environment:
            env |= {
                "BENCH_MODEL": self.model,
                "BENCH_MODELS": str(home / "models"),
                "BENCH_PORT": at["port"],
                "BENCH_SCRATCH": at["scratch"],
                "OMP_NUM_THREADS": at["cores"],
                "TOKENIZERS_PARALLELISM": "true",
                "PYTHONPATH": at["servers"],
                "PATH": f"{at['bin']}{os.pathsep}{env.get('PATH', os.defpath)}",
            }
        else:
            # What lies in this tree is measured, whatever is installed.
            env |= {"PYTHONPATH": str(models.ROOT / "src"), "AIRWORTHY_STATE_DIRECTORY": f"{at['scratch']}/state"}
        for group in ("all", self.model):
            env |= {key: text.format(**at) for key, text in self.server.env.get(group, {}).items()}
        return env

    def wait(self, ask: Callable[[], str | None]) -> float:
        """Ask until there is an answer; seconds from the process's start to it.

        Args:
            ask: asks once: what is wrong with the answer, empty where it is right, None where there is none yet.

        Raises:
            Failed: it ended, took too long, or answered wrongly.
        """
        while time.monotonic() - self.began < START_S:
            if self.process.poll() is not None:
                raise Failed(f"it ended with {self.process.returncode}: {self.last_words()}")
            told = ask()
            if told == "":
                return time.monotonic() - self.began
            if told is not None:
                raise Failed(f"its first answer is wrong: {told}")
            time.sleep(0.02)
        raise Failed(f"no answer within {START_S:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The end of what it printed, on one line."""
        return " ".join(self.log.read_text(encoding="utf-8", errors="replace")[-400:].split())

    def processes(self) -> list[int]:
        """All of its processes."""
        mark, found = self._mark.encode(), []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if mark in (folder / "environ").read_bytes().split(b"\0"):
                        found.append(int(folder.name))
                except OSError:
                    continue
        return found

    def memory(self) -> dict[str, float]:
        """MiB over all processes: resident, and with shared pages counted once; and how many processes."""
        total = {"rss_mib": 0.0, "pss_mib": 0.0, "processes": 0}
        for pid in self.processes():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines()
            except OSError:
                continue
            fields = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines) if rest}
            if "Rss" in fields and "Pss" in fields:
                total["rss_mib"] += int(fields["Rss"]) / 1024
                total["pss_mib"] += int(fields["Pss"]) / 1024
                total["processes"] += 1
        return total

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        ticks = 0
        for pid in self.processes():
            try:
                after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            except OSError:
                continue
            ticks += sum(map(int, after_name.split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> float:
        """SIGTERM to the parent, after its time SIGKILL to all of them; seconds that it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if not self._gone(self.server.stop_s):
            for pid in {self.process.pid, *self.processes()}:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self._gone(3.0)
        return time.monotonic() - began

    def _gone(self, limit: float) -> bool:
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.process.poll() is not None and not self.processes():
                return True
            time.sleep(0.05)
        return False
