"""Faults of a worker, brought about from outside: Python runs this file in every process that finds it on its path.

A worker that finds the file that `FAULT_FILE` names, with the name of a fault in it, takes the file away and suffers
the fault in the middle of a run. The requests in that run have nothing to do with it.
"""

import ctypes
import os
import resource
import sys
import time
from typing import Any

_MIB = 1 << 20


def _segfault() -> None:
    ctypes.string_at(0)


def _abort() -> None:
    os.abort()


def _exit() -> None:
    os._exit(0)


def _hang() -> None:
    time.sleep(3600)


def _hang_with_the_lock() -> None:
    """As a library does that hangs in C: no other thread of the process runs any more."""
    ctypes.PyDLL(None).sleep(3600)


def _garbage() -> None:
    os.write(int(sys.argv[1]), os.urandom(65536))


def _half_a_frame() -> None:
    """A frame that is announced and never ends."""
    os.write(int(sys.argv[1]), (1 << 20).to_bytes(4, "little") + bytes(1000))
    time.sleep(3600)


def _closed_socket() -> None:
    os.close(int(sys.argv[1]))
    time.sleep(3600)


def _memory() -> None:
    """Ask for more memory than a limit allows: the allocation fails."""
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 64 * _MIB, before[1]))
    try:
        bytearray(1024 * _MIB)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _all_memory() -> None:
    """Take and touch memory until the kernel puts an end to it."""
    taken = []
    while True:
        taken.append(bytearray(os.urandom(_MIB)))


FAULTS = {
    "segfault": _segfault,
    "abort": _abort,
    "exit": _exit,
    "hang": _hang,
    "hang with the lock": _hang_with_the_lock,
    "garbage": _garbage,
    "half a frame": _half_a_frame,
    "closed socket": _closed_socket,
    "memory": _memory,
    "all memory": _all_memory,
}


def _suffer(path: str) -> None:
    try:
        with open(path) as file:  # noqa: PTH123
            name = file.read()
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return
    FAULTS[name]()


def _arm() -> None:
    path = os.environ.get("FAULT_FILE")
    if path is None or sys.argv[:1] != ["-c"]:
        return
    from airworthy.engines.onnxruntime import OnnxRuntimeRunner

    run = OnnxRuntimeRunner._run

    def faulty(self: Any, session: Any, batch: Any) -> Any:
        _suffer(path)
        return run(self, session, batch)

    OnnxRuntimeRunner._run = faulty  # type: ignore[method-assign]


_arm()
