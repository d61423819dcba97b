"""The machine that this process runs on. Every call has a limit in time and size."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, TypeVar

from airworthy.core.messages import say
from airworthy.probes.seam.host import (
    LIST_LIMIT,
    OUTPUT_LIMIT,
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

if TYPE_CHECKING:
    import subprocess

T = TypeVar("T")

_DESCRIBE = (
    "import json,sys;print(json.dumps(['.'.join(map(str,sys.version_info[:3])),"
    "sys.executable,sys.prefix,[p for p in sys.path[1:] if p]]))"
)
_ENDED_READ_LIMIT = 0.5
"""Seconds to wait for the rest of a command's output once it ended; a child of its own may hold the pipe open."""
_REAP_LIMIT = 0.5
"""Seconds to wait for a killed command; one that is stuck in the kernel ends later or never."""

_FIRST_PERSON = 1000
"""The first number that distributions give to people's accounts."""


class LocalHost:
    """This machine, seen with this process's rights."""

    def __init__(self, python: str = "") -> None:
        """Describe what to inspect.

        Args:
            python: the interpreter whose environment is inspected; empty for the running one.
        """
        self._python = python

    def run(self, *argv: str, timeout: float = RUN_LIMIT) -> Completed:
        """Run a command in a session of its own; it is killed with its children at the limit."""
        import subprocess

        deadline = time.monotonic() + timeout
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "LC_ALL": "C", "LANGUAGE": ""},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise HostError(_command_problem(argv[0], error)) from None
        readers = [_PipeReader(stream) for stream in (process.stdout, process.stderr) if stream is not None]
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _end(process)
            raise HostError(
                say("{command} did not end within {limit:seconds}", command=argv[0], limit=timeout)
            ) from None
        rest = min(_ENDED_READ_LIMIT, max(0.05, deadline - time.monotonic()))
        until = time.monotonic() + rest
        for reader in readers:
            reader.join(max(0.0, until - time.monotonic()))
        if any(reader.is_alive() for reader in readers):
            _end(process)
        output, errors = (bytes(reader.data).decode("utf-8", "replace") for reader in readers)
        return Completed(process.returncode, output, errors)

    def read(self, path: str, limit: int = READ_LIMIT, offset: int = 0) -> bytes:
        """The bytes of a regular file; a pipe or a device, which could block, is refused."""
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise HostError(say("{path} is not a regular file", path=path))
                if offset:
                    os.lseek(descriptor, offset, os.SEEK_SET)
                return _read_up_to(descriptor, limit)
            finally:
                os.close(descriptor)
        except (OSError, ValueError, OverflowError) as error:
            raise HostError(_path_problem(path, error)) from None

    def list(self, path: str) -> tuple[str, ...]:
        """The names in a directory, sorted."""
        names: list[str] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) > LIST_LIMIT:
                        raise HostError(say("{path} holds more than {limit} names", path=path, limit=LIST_LIMIT))
        except (OSError, ValueError) as error:
            raise HostError(_path_problem(path, error)) from None
        return tuple(sorted(names))

    def exists(self, path: str) -> bool:
        """Whether the path leads to something that this user can see."""
        return os.path.exists(path)  # noqa: PTH110 - pathlib costs three times as much, and this is asked thousands of times

    def stamp(self, path: str) -> Stamp:
        """By what the file at the path is known to be the same as before."""
        try:
            status = os.stat(path)  # noqa: PTH116 - as for `exists`
        except (OSError, ValueError) as error:
            raise HostError(_path_problem(path, error)) from None
        return Stamp(status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)

    def resolve(self, path: str) -> str:
        """The path with symbolic links followed, as far as they lead; `.` is the working directory."""
        try:
            return os.path.realpath(path)
        except (OSError, ValueError) as error:
            raise HostError(_path_problem(path, error)) from None

    def env(self, name: str) -> str | None:
        """An environment variable."""
        return os.environ.get(name)

    def space(self, path: str) -> Space:
        """Room in the file system that holds the path."""
        try:
            if sys.platform == "win32":
                import shutil

                usage = shutil.disk_usage(path)
                return Space(usage.total, usage.free, None, read_only=False)
            room = os.statvfs(path)
        except (OSError, ValueError) as error:
            raise HostError(_path_problem(path, error)) from None
        inodes = room.f_favail if room.f_files else None
        return Space(
            room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize, inodes, bool(room.f_flag & os.ST_RDONLY)
        )

    def permissions(self, path: str) -> Permissions:
        """Who may do what at the path, and what this process may."""
        try:
            status = os.stat(path)  # noqa: PTH116 - as for `exists`
            readable, writable = os.access(path, os.R_OK), os.access(path, os.W_OK)
        except (OSError, ValueError) as error:
            raise HostError(_path_problem(path, error)) from None
        owner, group = _account(status.st_uid, status.st_gid)
        return Permissions(stat.S_IMODE(status.st_mode), owner, group, readable, writable)

    def affinity(self) -> int:
        """How many logical cores this process may run on."""
        if sys.platform != "linux":
            raise HostError(say("{system} does not say a process's cores", system=sys.platform))
        return len(os.sched_getaffinity(0))

    def uname(self) -> tuple[str, str, str]:
        """Kernel name, kernel release, machine."""
        if sys.platform == "win32":
            import platform

            return platform.system(), platform.release(), platform.machine()
        name = os.uname()
        return name.sysname, name.release, name.machine

    def libc(self) -> str:
        """The C library's own name and version; only glibc answers."""
        if sys.platform == "win32":
            raise HostError(say("Windows has no C library of that kind"))
        try:
            text = os.confstr("CS_GNU_LIBC_VERSION")
        except (ValueError, OSError):
            text = None
        if not text:
            raise HostError(say("the C library does not name itself"))
        return text

    def interpreter(self) -> Interpreter:
        """The interpreter given at the start, asked about itself; or the running one."""
        if not self._python:
            version = ".".join(str(number) for number in sys.version_info[:3])
            paths = tuple(path for path in sys.path if path and os.path.isdir(path))  # noqa: PTH112 - as for `exists`
            return Interpreter(version, sys.executable, sys.prefix, paths)
        import msgspec

        done = self.run(self._python, "-c", _DESCRIBE)
        try:
            version, executable, prefix, found = msgspec.json.decode(done.output, type=tuple[str, str, str, list[str]])
        except msgspec.DecodeError:
            said = (done.errors or done.output).strip().rpartition("\n")[2][:200]
            raise HostError(
                say("{python} does not answer as Python does: {said}", python=self._python, said=said)
            ) from None
        return Interpreter(version, executable, prefix, tuple(found))

    def nvml(self) -> Nvml:
        """Ask the NVIDIA management library."""
        from airworthy.probes.accelerators.nvml import ask_nvml

        return ask_nvml()

    def can_listen(self, address: str, port: int) -> str:
        """Whether a TCP port can be bound now, as a server would bind it."""
        import socket

        if not 0 <= port <= 65535:
            raise HostError(say("{port} is not a port", port=port))
        try:
            family, kind, protocol, _, place = _within(
                RUN_LIMIT,
                say("looking up {address}", address=address),
                lambda: socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0],
            )
            with socket.socket(family, kind, protocol) as listener:
                if os.name == "posix":  # elsewhere the option would let two servers share the port
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(place)
                listener.listen(1)
        except (socket.gaierror, UnicodeError):
            return "unavailable"
        except OSError as error:
            state = _BIND_ERRORS.get(error.errno or 0)
            if state is None:
                raise HostError(
                    say("{address}:{port}: {reason}", address=address, port=port, reason=_reason(error))
                ) from None
            return state
        return "free"

    def connect(self, address: str, port: int, timeout: float = 1.0) -> bool:
        """Whether a process accepts a TCP connection there."""
        import socket

        try:
            socket.create_connection((address, port), timeout).close()
        except (OSError, OverflowError, UnicodeError):
            return False
        return True


_BIND_ERRORS = {
    errno.EADDRINUSE: "in-use",
    errno.EACCES: "forbidden",
    errno.EPERM: "forbidden",
    errno.EADDRNOTAVAIL: "unavailable",
    errno.EAFNOSUPPORT: "unavailable",
}


class _PipeReader(threading.Thread):
    """Reads a pipe to its end and keeps the first part, so that no command blocks on a full pipe."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True, name="airworthy-read")
        self.data = bytearray()
        self._stream = stream
        self.start()

    def run(self) -> None:
        with self._stream:
            descriptor = self._stream.fileno()
            while chunk := os.read(descriptor, 65536):
                self.data += chunk[: OUTPUT_LIMIT - len(self.data)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and its children; one that the kernel will not let go is left to a thread."""
    import signal
    import subprocess

    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    try:
        process.wait(_REAP_LIMIT)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True, name="airworthy-reap").start()


def _read_up_to(descriptor: int, limit: int) -> bytes:
    data = os.read(descriptor, limit)
    if len(data) == limit or not data:
        return data
    parts = [data]
    have = len(data)
    # Files under /proc come in pieces of a page.
    while have < limit and (data := os.read(descriptor, limit - have)):
        parts.append(data)
        have += len(data)
    return b"".join(parts)


def _within(limit: float, what: str, function: Callable[[], T]) -> T:
    """Call a function that has no limit of its own, and wait for it so long and no longer."""
    results: list[T] = []
    errors: list[Exception] = []

    def call() -> None:
        try:
            results.append(function())
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True, name="airworthy-call")
    thread.start()
    thread.join(limit)
    if errors:
        raise errors[0]
    if not results:
        raise HostError(say("{what} took longer than {limit:seconds}", what=what, limit=limit))
    return results[0]


def _account(owner: int, group: int) -> tuple[str, str]:
    """Owner and group by the names of the system's accounts; people's stay numbers."""
    if sys.platform == "win32":
        return "", ""
    import grp
    import pwd

    names = [str(owner), str(group)]
    try:
        if owner < _FIRST_PERSON:
            names[0] = pwd.getpwuid(owner).pw_name
        if group < _FIRST_PERSON:
            names[1] = grp.getgrgid(group).gr_name
    except KeyError:
        pass  # an account that this machine or container has no name for
    return names[0], names[1]


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


def _path_problem(path: str, error: Exception) -> str:
    return say("{path}: {reason}", path=path, reason=_reason(error))


def _command_problem(command: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return say("{command} is not installed or not on PATH", command=command)
    return say("{command} cannot be run: {reason}", command=command, reason=_reason(error))
