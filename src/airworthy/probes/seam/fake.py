"""A host made of plain data: what tests, and the tests of other people's probes, put in place of a machine."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Mapping

from airworthy.core.messages import say
from airworthy.probes.seam.contents import Answer, Content, Parts, Slow
from airworthy.probes.seam.host import (
    READ_LIMIT,
    RUN_LIMIT,
    Completed,
    HostError,
    Interpreter,
    Nvml,
    Permissions,
    Space,
    Stamp,
)
from airworthy.probes.seam.recording_format import decode, encode


class FakeHost:
    """A machine of which everything is known beforehand. What it was not given does not exist on it."""

    def __init__(
        self,
        files: Mapping[str, Content] | None = None,
        commands: Mapping[str, Answer] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        directories: Mapping[str, tuple[str, ...] | HostError] | None = None,
        links: Mapping[str, str] | None = None,
        disks: Mapping[str, Space | HostError] | None = None,
        affinity: int | None = None,
        uname: tuple[str, str, str] = ("Linux", "6.1.0", "x86_64"),
        libc: str = "",
        interpreter: Interpreter | HostError | None = None,
        nvml: Nvml | HostError | None = None,
        ports: Mapping[str, str] | None = None,
        listening: tuple[str, ...] = (),
        cwd: str = "/work",
        rights: Mapping[str, Permissions | HostError] | None = None,
        whole: bool = True,
    ) -> None:
        """Describe the machine.

        Args:
            files: path → content.
            commands: command line, words joined by spaces → what it gives.
            env: environment variables.
            directories: path → names, for directories that are empty, refused, or listed beyond their `files`.
            links: path → where `resolve` leads.
            disks: path → room.
            affinity: cores that the process may run on; None where the system does not say.
            uname: kernel name, release, machine.
            libc: `glibc 2.36`, or empty where it does not name itself.
            interpreter: the inspected interpreter.
            nvml: what the NVIDIA management library says; None where there is none.
            ports: `address:port` → state; others are free.
            listening: `address:port` where a process accepts.
            cwd: the working directory.
            rights: path → permissions; what is there and not named belongs to root, and all may use it.
            whole: whether a directory holds no more than what was given; of a recorded one that is not known.
        """
        self.files = dict(files or {})
        self.commands = dict(commands or {})
        self.variables = dict(env or {})
        self.directories = dict(directories or {})
        self.links = dict(links or {})
        self.disks = dict(disks or {})
        self.cores = affinity
        self.name = uname
        self.libc_name = libc
        self.python = interpreter
        self.nvml_answer = nvml
        self.ports = dict(ports or {})
        self.listening = tuple(listening)
        self.cwd = cwd
        self.rights = dict(rights or {})
        self.whole = whole
        self._children: dict[str, set[str]] = {}
        for path in (*self.files, *self.links, *self.directories):
            self._add_parents(path)

    def _add_parents(self, path: str) -> None:
        while path not in {"/", ""}:
            parent, name = posixpath.split(path)
            children = self._children.setdefault(parent, set())
            if name in children:
                return
            children.add(name)
            path = parent

    def run(self, *argv: str, timeout: float = RUN_LIMIT) -> Completed:
        """What the command gives."""
        command = " ".join(argv)
        answer = self.commands.get(command)
        if answer is None:
            raise HostError(say("{command} is not installed or not on PATH", command=argv[0]))
        if isinstance(answer, Slow):
            if answer.seconds > timeout:
                template = "{command} did not end within {limit:seconds}"
                raise HostError(say(template, command=argv[0], limit=timeout))
            time.sleep(answer.seconds)
            answer = answer.answer
        if isinstance(answer, HostError):
            raise answer
        return answer

    def read(self, path: str, limit: int = READ_LIMIT, offset: int = 0) -> bytes:
        """The file's bytes."""
        content = self.files.get(path)
        if content is None:
            content = self.files.get(self._follow(path))
        if content is None:
            reason = "is a directory" if path in self._children else "no such file or directory"
            raise HostError(say("{path}: {reason}", path=path, reason=reason))
        if isinstance(content, HostError):
            raise content
        if isinstance(content, Parts):
            for start, data in content.parts:
                if start <= offset < start + len(data):
                    return data[offset - start : offset - start + limit]
            return b""
        data = content.encode() if isinstance(content, str) else content
        return data[offset : offset + limit]

    def list(self, path: str) -> tuple[str, ...]:
        """The names in the directory."""
        path = self._follow(path.rstrip("/") or "/")
        given = self.directories.get(path)
        if isinstance(given, HostError):
            raise given
        if given is None and path not in self._children:
            reason = "not a directory" if path in self.files else "no such file or directory"
            raise HostError(say("{path}: {reason}", path=path, reason=reason))
        return tuple(sorted(self._children.get(path, set()) | set(given or ())))

    def exists(self, path: str) -> bool:
        """Whether it was given."""
        path = self._follow(path.rstrip("/") or "/")
        if path in self.files or path in self._children or path in self.directories:
            return True
        parent, name = posixpath.split(path)
        listed = self.directories.get(parent)
        return isinstance(listed, tuple) and name in listed

    def stamp(self, path: str) -> Stamp:
        """The size of a file that was given whole, and nothing of a directory that is all there; neither changes."""
        path = self._follow(path)
        if path in self._children and self.whole:
            return Stamp(0, 0, 0, 0)
        content = self.files.get(path)
        if isinstance(content, HostError):
            raise content
        if content is None or isinstance(content, Parts):
            raise HostError(say("{path}: {reason}", path=path, reason="no such file or directory"))
        return Stamp(len(content.encode() if isinstance(content, str) else content), 0, 0, 0)

    def resolve(self, path: str) -> str:
        """Where the links lead."""
        return self._follow(posixpath.normpath(posixpath.join(self.cwd, path)))

    def _follow(self, path: str) -> str:
        for _ in range(20):
            target = self.links.get(path)
            if target is not None:
                path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
                continue
            head, tail = posixpath.split(path)
            while head not in {"/", ""} and head not in self.links:
                head, name = posixpath.split(head)
                tail = posixpath.join(name, tail)
            if head not in self.links:
                return path
            path = posixpath.normpath(posixpath.join(posixpath.dirname(head), self.links[head], tail))
        return path

    def env(self, name: str) -> str | None:
        """The variable."""
        return self.variables.get(name)

    def space(self, path: str) -> Space:
        """The room that was given for the path or the nearest directory above it."""
        while True:
            room = self.disks.get(path)
            if isinstance(room, HostError):
                raise room
            if room is not None:
                return room
            if path in {"/", ""}:
                raise HostError(say("{path}: {reason}", path=path, reason="no such file or directory"))
            path = posixpath.dirname(path)

    def permissions(self, path: str) -> Permissions:
        """The permissions that were given, or what holds for anything else that is there."""
        given = self.rights.get(path)
        if isinstance(given, HostError):
            raise given
        if given is not None:
            return given
        if not self.exists(path):
            raise HostError(say("{path}: {reason}", path=path, reason="no such file or directory"))
        return Permissions(0o777, "root", "root", readable=True, writable=True)

    def affinity(self) -> int:
        """The cores that were given."""
        if self.cores is None:
            raise HostError(say("{system} does not say a process's cores", system=self.name[0]))
        return self.cores

    def uname(self) -> tuple[str, str, str]:
        """The names that were given."""
        return self.name

    def libc(self) -> str:
        """The C library that was given."""
        if not self.libc_name:
            raise HostError(say("the C library does not name itself"))
        return self.libc_name

    def interpreter(self) -> Interpreter:
        """The interpreter that was given."""
        if self.python is None:
            raise HostError(say("no interpreter was inspected"))
        if isinstance(self.python, HostError):
            raise self.python
        return self.python

    def nvml(self) -> Nvml:
        """What the library says."""
        if self.nvml_answer is None:
            raise HostError(say("{library} is not found by the loader", library="libnvidia-ml.so.1"))
        if isinstance(self.nvml_answer, HostError):
            raise self.nvml_answer
        return self.nvml_answer

    def can_listen(self, address: str, port: int) -> str:
        """The port's state."""
        return self.ports.get(f"{address}:{port}", "free")

    def connect(self, address: str, port: int, timeout: float = 1.0) -> bool:
        """Whether a process accepts there."""
        return f"{address}:{port}" in self.listening

    def to_json(self, description: str = "") -> bytes:
        """The recording of this host: indented JSON, names sorted."""
        return encode(
            description=description,
            uname=self.name,
            affinity=self.cores,
            libc=self.libc_name,
            cwd=self.cwd,
            interpreter=self.python,
            nvml=self.nvml_answer,
            env=self.variables,
            disks=self.disks,
            files=self.files,
            directories=self.directories,
            links=self.links,
            commands=self.commands,
            ports=self.ports,
            listening=self.listening,
            rights=self.rights,
        )

    @classmethod
    def from_json(cls, data: bytes) -> FakeHost:
        """The host of a recording.

        Raises:
            ValueError: not a recording, or one of another schema.
        """
        return cls(whole=False, **decode(data))
