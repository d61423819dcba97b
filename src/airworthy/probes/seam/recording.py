"""A host that passes every question on to another and remembers the answers, so that a machine becomes a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from airworthy.core.facts import Facts
from airworthy.probes.interface import Probe
from airworthy.probes.runner import TIME_LIMIT, gather
from airworthy.probes.seam.contents import Parts
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import (
    READ_LIMIT,
    RUN_LIMIT,
    Completed,
    Host,
    HostError,
    Interpreter,
    Nvml,
    Permissions,
    Space,
    Stamp,
)

T = TypeVar("T")


class RecordingHost:
    """Asks another host, and keeps what it said. Used by one gathering."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._reads: dict[str, dict[int, bytes]] = {}
        self._fake = FakeHost(uname=host.uname(), cwd=host.resolve("."))

    def recording(self) -> FakeHost:
        """A host that gives the same answers."""
        fake = self._fake
        for path, reads in self._reads.items():
            parts = tuple(sorted(reads.items()))
            fake.files[path] = parts[0][1] if len(parts) == 1 and parts[0][0] == 0 else Parts(parts)
        return FakeHost.from_json(fake.to_json())

    def _ask(self, place: dict[str, Any], name: str, question: Callable[[], T]) -> T:
        try:
            answer = question()
        except HostError as error:
            place[name] = error
            raise
        place[name] = answer
        return answer

    def run(self, *argv: str, timeout: float = RUN_LIMIT) -> Completed:
        """Run there, and keep the outcome."""
        return self._ask(self._fake.commands, " ".join(argv), lambda: self._host.run(*argv, timeout=timeout))

    def read(self, path: str, limit: int = READ_LIMIT, offset: int = 0) -> bytes:
        """Read there, and keep the bytes; a refusal is kept where something is there to be refused."""
        try:
            data = self._host.read(path, limit, offset)
        except HostError as error:
            if self._host.exists(path):
                self._fake.files[path] = error
            raise
        known = self._reads.setdefault(path, {})
        if len(data) >= len(known.get(offset, b"")):
            known[offset] = data
        return data

    def list(self, path: str) -> tuple[str, ...]:
        """List there, and keep the names; a refusal is kept where something is there to be refused."""
        try:
            names = self._host.list(path)
        except HostError as error:
            if self._host.exists(path):
                self._fake.directories[path] = error
            raise
        self._fake.directories[path] = names
        return names

    def exists(self, path: str) -> bool:
        """Look there; what exists is kept as a name in its directory."""
        there = self._host.exists(path)
        parent, _, name = path.rstrip("/").rpartition("/")
        if there and name:
            names = self._fake.directories.get(parent or "/", ())
            if isinstance(names, tuple) and name not in names:
                self._fake.directories[parent or "/"] = (*names, name)
        return there

    def stamp(self, path: str) -> Stamp:
        """Ask there; a recording has no need of it."""
        return self._host.stamp(path)

    def resolve(self, path: str) -> str:
        """Resolve there, and keep where it led, if anywhere else."""
        target = self._host.resolve(path)
        if path.startswith("/") and target != path:
            self._fake.links[path] = target
        return target

    def env(self, name: str) -> str | None:
        """Look the variable up there, and keep it."""
        value = self._host.env(name)
        if value is not None:
            self._fake.variables[name] = value
        return value

    def space(self, path: str) -> Space:
        """Ask there, and keep it."""
        return self._ask(self._fake.disks, path, lambda: self._host.space(path))

    def permissions(self, path: str) -> Permissions:
        """Ask there, and keep it."""
        return self._ask(self._fake.rights, path, lambda: self._host.permissions(path))

    def affinity(self) -> int:
        """Ask there, and keep it."""
        self._fake.cores = self._host.affinity()
        return self._fake.cores

    def uname(self) -> tuple[str, str, str]:
        """What was asked at the start."""
        return self._fake.name

    def libc(self) -> str:
        """Ask there, and keep it."""
        self._fake.libc_name = self._host.libc()
        return self._fake.libc_name

    def interpreter(self) -> Interpreter:
        """Ask there, and keep it."""
        self._fake.python = self._host.interpreter()
        return self._fake.python

    def nvml(self) -> Nvml:
        """Ask there, and keep it."""
        try:
            self._fake.nvml_answer = self._host.nvml()
        except HostError as error:
            self._fake.nvml_answer = error
            raise
        return self._fake.nvml_answer

    def can_listen(self, address: str, port: int) -> str:
        """Ask there, and keep it."""
        return self._ask(self._fake.ports, f"{address}:{port}", lambda: self._host.can_listen(address, port))

    def connect(self, address: str, port: int, timeout: float = 1.0) -> bool:
        """Ask there, and keep it."""
        there = self._host.connect(address, port, timeout)
        if there:
            self._fake.listening = (*self._fake.listening, f"{address}:{port}")
        return there


def record(host: Host, probes: Iterable[Probe], *, time_limit: float = TIME_LIMIT) -> tuple[FakeHost, Facts]:
    """Gather from a host, and give the recording along with the facts."""
    recorder = RecordingHost(host)
    facts = gather(recorder, probes, time_limit=time_limit)
    return recorder.recording(), facts
