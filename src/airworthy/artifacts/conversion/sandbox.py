"""A child process that may do next to nothing, for work on untrusted files.

The child gets three open files (input, output, report), an empty environment and an empty folder. Before it reads a
byte it gives up what the system lets it give up: other users' rights, the network, opening files, starting programs,
and more memory or time than the job takes. It says which of these it could.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import airworthy
from airworthy.core.messages import say

LEAST_SECONDS = 60
"""Seconds of processor and of wall clock that any job may take."""
BYTES_A_SECOND = 20_000_000
"""How slow a job may be beyond that."""
LEAST_MEMORY = 2 << 30
"""Bytes of address space that any job may take; libraries map far more than they use."""
_NOBODY = 65_534
_BOOTSTRAP = """
import sys
sys.path.insert(0, sys.argv[1])
from airworthy.artifacts.conversion.sandbox import child
child(sys.argv[2])
"""
# From <linux/prctl.h>, <linux/sched.h>, <linux/seccomp.h>, <linux/audit.h>, <linux/bpf_common.h>.
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _SET_DUMPABLE = 38, 22, 4
_FILTER, _ALLOW, _REFUSE, _KILL = 2, 0x7FFF0000, 0x00050000, 0x80000000
_NEW_USER, _NEW_NET, _NEW_IPC, _NEW_UTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_CALLS: dict[str, tuple[int, tuple[int, ...]]] = {
    # read write close fstat poll lseek mmap mprotect munmap brk sigaction sigprocmask sigreturn pread pwrite yield
    # mremap madvise getpid exit fsync ftruncate sigaltstack gettid futex clock_gettime clock_nanosleep exit_group
    # tgkill newfstatat getrandom rseq
    "x86_64": (
        0xC000003E,
        (
            *(0, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 24),
            *(25, 28, 39, 60, 74, 77, 131, 186, 202, 228, 230, 231, 234, 262, 318, 334),
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(63, 64, 57, 80, 73, 62, 222, 226, 215, 214, 134, 135, 139, 67, 68, 124),
            *(216, 233, 172, 93, 82, 46, 132, 178, 98, 113, 115, 94, 131, 79, 278, 293),
        ),
    ),
}
"""By machine: the number of its calling convention, and the system calls that are left."""


class Answer(NamedTuple):
    """How a confined job ended."""

    done: dict[str, Any]
    """What it made; empty when it refused or failed."""
    refused: str
    """Why it did not; empty when it did."""
    given_up: tuple[str, ...]
    """What the child could no longer do while it worked."""


def run(job: str, source: BinaryIO, target: BinaryIO, name: str, most_output: int) -> Answer:
    """Do a job in a confined child.

    Args:
        job: `"module:function"`, which takes the input's file, the output's number and the name, and returns a table.
        source: the input, at its beginning.
        target: the output.
        name: what the input is called.
        most_output: bytes that the output may have.
    """
    size = os.fstat(source.fileno()).st_size
    seconds = LEAST_SECONDS + size // BYTES_A_SECOND
    limits = {"seconds": seconds, "memory": LEAST_MEMORY + 4 * size, "output": most_output, "name": name}
    root = str(Path(airworthy.__file__).parent.parent)
    with tempfile.TemporaryDirectory(prefix="airworthy-empty-") as empty:
        Path(empty).chmod(0o755)  # the user that the child becomes may stand in it
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-B", "-c", _BOOTSTRAP, root, json.dumps({"job": job, **limits})],
                stdin=source,
                stdout=target,
                stderr=subprocess.PIPE,
                cwd=empty,
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"} | _needed(),
                timeout=2 * seconds,
                check=False,
                close_fds=True,
            )
        except subprocess.TimeoutExpired:
            return Answer({}, say("it took longer than {seconds} s", seconds=2 * seconds), ())
    return _read(done.returncode, done.stderr)


def _needed() -> dict[str, str]:
    # Without it Windows gives a program no random numbers.
    return {key: os.environ[key] for key in ("SYSTEMROOT",) if key in os.environ}


def _read(status: int, told: bytes) -> Answer:
    try:
        report = json.loads(told.decode("utf-8", "replace").strip().rpartition("\n")[2])
    except ValueError:
        report = None
    if not isinstance(report, dict) or status:
        return Answer({}, say("the process that read it ended with status {status}", status=status), ())
    return Answer(report.get("done") or {}, str(report.get("refused") or ""), tuple(report.get("given_up") or ()))


def child(arguments: str) -> None:
    """What the child does: import what the job needs, give up rights, work, report."""
    import importlib
    import io

    told = json.loads(arguments)
    module, _, function = told["job"].partition(":")
    work: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), function)
    with contextlib.suppress(ImportError):  # nothing can be imported later
        importlib.import_module("numpy.lib.stride_tricks")
    report: dict[str, Any] = {"given_up": confine(told["seconds"], told["memory"], told["output"])}
    with io.FileIO(0, closefd=False) as file:
        try:
            report["done"] = work(file, 1, told["name"])
        except MemoryError:
            report["refused"] = say("it takes more memory than such a file should")
        except OSError as error:
            limit = error.errno in (errno.EFBIG, errno.ENOSPC)
            report["refused"] = say("there is no room for the output") if limit else str(error)
        except Exception as error:  # noqa: BLE001 - hostile bytes; the parent reports it
            report["refused"] = str(error) or type(error).__name__
    os.write(2, json.dumps(report).encode() + b"\n")
    os._exit(0)


def confine(seconds: int, memory: int, output: int) -> list[str]:
    """Give up what this process does not need; says what could be given up.

    Args:
        seconds: of the processor.
        memory: bytes of address space.
        output: bytes of any file that is written.
    """
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("limits of memory, time and output", lambda: _limit(seconds, memory, output)),
        ("gaining privileges", lambda: _control(_NO_NEW_PRIVILEGES, 1)),
        ("being looked into", lambda: _control(_SET_DUMPABLE, 0)),
        ("the network", lambda: _leave(_NEW_USER | _NEW_NET | _NEW_IPC | _NEW_UTS)),
        ("the rights of root", _become_nobody),
        ("opening files, starting programs, all other system calls", _filter),
    )
    given_up = []
    for name, step in steps:
        try:
            step()
        except (OSError, ValueError, ImportError, AttributeError):
            continue  # this system or this user can't; the report lacks it
        given_up.append(name)
    return given_up


def _limit(seconds: int, memory: int, output: int) -> None:
    import resource

    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_NOFILE, 16),
    ):
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # too large an output is an error, not the end


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _control(option: int, value: int) -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no prctl")
    _checked(_libc().prctl(option, value, 0, 0, 0))


def _leave(what: int) -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no unshare")
    # Root may leave the network without a user of its own, where users can't be made.
    if _libc().unshare(what):
        _checked(_libc().unshare(what & ~_NEW_USER))


def _become_nobody() -> None:
    if sys.platform == "win32" or os.getuid():
        return  # the user whose files they are, and no more
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)


def _filter() -> None:
    """Leave this process only the system calls in the table; all others fail."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no seccomp")
    convention, calls = _CALLS.get(platform.machine(), (0, ()))
    if not calls or struct.calcsize("P") != 8:
        raise OSError(errno.ENOSYS, "no table for this machine")
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, convention), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    lines += [(_EQUAL, len(calls) - number, 0, call) for number, call in enumerate(calls)]
    lines += [(_RETURN, 0, 0, _REFUSE | errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(program)))
    _checked(_libc().prctl(_SET_SECCOMP, _FILTER, header, 0, 0))
