"""A host made of plain data: what tests, and the tests of other people's probes, put in place of a machine."""

from __future__ import annotations

import base64
import posixpath
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Union

import msgspec

from airworthy.core.messages import say
from airworthy.probes.seam.host import (
    READ_LIMIT,
    RUN_LIMIT,
    Completed,
    HostError,
    Interpreter,
    Nvml,
    NvmlDevice,
    Permissions,
    Space,
    Stamp,
)

SCHEMA = 1
"""The number that a recording carries."""


class Slow(NamedTuple):
    """A command that takes its time. Past the caller's limit it fails at once, so that tests need not wait."""

    seconds: float
    """How long it takes."""
    answer: Completed = Completed(0, "", "")
    """What it gives in the end."""


class Parts(NamedTuple):
    """A large file of which only the parts that somebody read are kept."""

    parts: tuple[tuple[int, bytes], ...]
    """Offset and bytes of each; a read that lies in none gives nothing."""


Content = Union[str, bytes, HostError, Parts]
"""What stands behind a path: text, bytes, the error that reading it gives, or parts."""
Answer = Union[Completed, HostError, Slow]
"""What a command gives."""


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
            affinity: cores that the process may run on; None where the system does not tell.
            uname: kernel name, release, machine.
            libc: `glibc 2.36`, or empty where it does not name itself.
            interpreter: the interpreter that is looked at.
            nvml: what the NVIDIA management library says; None where there is none.
            ports: `address:port` → state; others are free.
            listening: `address:port` where somebody accepts.
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
            raise HostError(say("{system} does not tell a process's cores", system=self.name[0]))
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
            raise HostError(say("no interpreter is looked at"))
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
        """Whether somebody accepts there."""
        return f"{address}:{port}" in self.listening

    def to_json(self, description: str = "") -> bytes:
        """The recording of this host: indented JSON, names sorted."""
        recording = {
            "schema": SCHEMA,
            "description": description,
            "uname": list(self.name),
            "affinity": self.cores,
            "libc": self.libc_name,
            "cwd": self.cwd,
            "interpreter": _plain(self.python),
            "nvml": _plain(self.nvml_answer),
            "env": dict(sorted(self.variables.items())),
            "disks": {path: _plain(room) for path, room in sorted(self.disks.items())},
            "files": {path: _plain(content) for path, content in sorted(self.files.items())},
            "directories": {path: _plain(names) for path, names in sorted(self.directories.items())},
            "links": dict(sorted(self.links.items())),
            "commands": {command: _plain(answer) for command, answer in sorted(self.commands.items())},
            "ports": dict(sorted(self.ports.items())),
            "listening": list(self.listening),
            "rights": {path: _plain(right) for path, right in sorted(self.rights.items())},
        }
        return msgspec.json.format(msgspec.json.encode(recording), indent=2) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> FakeHost:
        """The host of a recording.

        Raises:
            ValueError: not a recording, or one of another schema.
        """
        try:
            recording = msgspec.json.decode(data, type=_Recording)
            if recording.schema != SCHEMA:
                raise ValueError(f"its schema is {recording.schema}, this version reads {SCHEMA}")
            return cls._from_recording(recording)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not a recorded host: {error}") from None

    @classmethod
    def _from_recording(cls, recording: _Recording) -> FakeHost:
        return cls(
            files={path: _content(value) for path, value in recording.files.items()},
            commands={command: _answer(value) for command, value in recording.commands.items()},
            env=recording.env,
            directories={
                path: value if isinstance(value, tuple) else HostError(value.error)
                for path, value in recording.directories.items()
            },
            links=recording.links,
            disks={
                path: value if isinstance(value, Space) else HostError(value.error)
                for path, value in recording.disks.items()
            },
            affinity=recording.affinity,
            whole=False,
            uname=recording.uname,
            libc=recording.libc,
            interpreter=_value(recording.interpreter, Interpreter),
            nvml=_value(recording.nvml, Nvml),
            ports=recording.ports,
            listening=recording.listening,
            cwd=recording.cwd,
            rights={
                path: value if isinstance(value, Permissions) else HostError(value.error)
                for path, value in recording.rights.items()
            },
        )


class _Error(msgspec.Struct, forbid_unknown_fields=True):
    error: str


class _Recording(msgspec.Struct, forbid_unknown_fields=True):
    schema: int
    description: str = ""
    uname: tuple[str, str, str] = ("Linux", "6.1.0", "x86_64")
    affinity: int | None = None
    libc: str = ""
    cwd: str = "/work"
    interpreter: Any = None
    nvml: Any = None
    env: dict[str, str] = {}
    disks: dict[str, Union[Space, _Error]] = {}
    files: dict[str, Union[str, dict[str, Any]]] = {}
    directories: dict[str, Union[tuple[str, ...], _Error]] = {}
    links: dict[str, str] = {}
    commands: dict[str, dict[str, Any]] = {}
    ports: dict[str, str] = {}
    listening: tuple[str, ...] = ()
    rights: dict[str, Union[Permissions, _Error]] = {}


def _plain(value: Any) -> Any:
    """A value as JSON data; an error is `{"error": …}`."""
    if isinstance(value, HostError):
        return {"error": str(value)}
    if isinstance(value, Slow):
        return {"seconds": value.seconds, **_plain(value.answer)}
    if isinstance(value, Completed):
        return {"status": value.status, "output": value.output, "errors": value.errors}
    if isinstance(value, Parts):
        return {"parts": {str(offset): base64.b64encode(data).decode() for offset, data in value.parts}}
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (Interpreter, Nvml, NvmlDevice)):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _content(value: str | dict[str, Any]) -> Content:
    if isinstance(value, str):
        return value
    if "error" in value:
        return HostError(str(value["error"]))
    if "parts" in value:
        return Parts(tuple((int(offset), base64.b64decode(data)) for offset, data in value["parts"].items()))
    return base64.b64decode(value["base64"])


def _answer(value: dict[str, Any]) -> Answer:
    if "error" in value:
        return HostError(str(value["error"]))
    done = Completed(int(value.get("status", 0)), str(value.get("output", "")), str(value.get("errors", "")))
    return Slow(float(value["seconds"]), done) if "seconds" in value else done


def _value(value: Any, type_: Any) -> Any:
    """A named tuple of an object with its fields; the error that stands in its place; None for null."""
    if value is None:
        return None
    if "error" in value:
        return HostError(str(value["error"]))
    if type_ is Nvml:
        value = {**value, "devices": [_fields(device, NvmlDevice) for device in value["devices"]]}
    return msgspec.convert(_fields(value, type_), type_)


def _fields(value: Any, type_: Any) -> list[Any]:
    return [{**type_._field_defaults, **value}[name] for name in type_._fields]
