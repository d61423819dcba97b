"""The one seam to the host: run, read, list, look up, connect, each with a limit. Tests replace it by a fake."""

from __future__ import annotations

from typing import NamedTuple, Protocol

READ_LIMIT = 4 * 1024 * 1024
"""Bytes that `read` gives at the most."""
RUN_LIMIT = 5.0
"""Seconds that `run` waits unless set otherwise."""
OUTPUT_LIMIT = 1024 * 1024
"""Bytes of each stream that `run` keeps."""
LIST_LIMIT = 200_000
"""Names that `list` gives at the most; a larger directory is a `HostError`."""


class Completed(NamedTuple):
    """A command that ended."""

    status: int
    """Its exit status; negative for a signal."""
    output: str
    """What it printed, decoded as UTF-8 with replacements."""
    errors: str
    """What it printed to standard error."""


class Space(NamedTuple):
    """Room in a file system."""

    total: int
    """Bytes in all."""
    free: int
    """Bytes that this user may write."""
    inodes_free: int | None
    """Files that may be made, where that is counted."""
    read_only: bool
    """Whether it is mounted read-only."""


class Permissions(NamedTuple):
    """Who may do what at a path."""

    mode: int
    """Its permission bits, `0o660`."""
    owner: str
    """Its owner: a name for accounts of the system, a number for people's."""
    group: str
    """Its group, likewise."""
    readable: bool
    """Whether this process may read it."""
    writable: bool
    """Whether this process may write to it."""


class Stamp(NamedTuple):
    """By what a file is known to be the same as before."""

    size: int
    """Its bytes."""
    inode: int
    """Its number in its file system; 0 where there are none."""
    modified: int
    """When its bytes changed last, in nanoseconds since 1970."""
    changed: int
    """When anything about it changed last, likewise; a tool that sets the other one back cannot set this."""


class Interpreter(NamedTuple):
    """A Python interpreter, as it describes itself."""

    version: str
    """Its version, `3.11.9`."""
    executable: str
    """Its path."""
    prefix: str
    """The directory of its environment, `sys.prefix`."""
    paths: tuple[str, ...]
    """The directories that it imports from, in order."""


class NvmlDevice(NamedTuple):
    """A device as the NVIDIA management library describes it."""

    name: str
    """The marketing name."""
    uuid: str
    """`GPU-…`."""
    memory: int | None
    """Its memory in bytes, where it has its own."""
    memory_free: int | None
    """The free part of it in bytes."""
    capability: str
    """Compute capability, `9.0`; empty where the library does not say."""
    ecc: int | None = None
    """1 with error correction, 0 without; this and the following are None where the library does not say."""
    uncorrected: int | None = None
    """Uncorrected memory errors since the driver was loaded."""
    throttle: int | None = None
    """The reasons that hold its clocks down now, a set of bits."""
    mig: int | None = None
    """1 when it is partitioned."""
    persistence: int | None = None
    """1 when the driver keeps it initialised."""
    compute_mode: int | None = None
    """Who may use it: 0 all, 2 none, 3 one process."""


class Nvml(NamedTuple):
    """What the NVIDIA management library says of the host."""

    driver: str
    """Version of the kernel driver."""
    cuda: int
    """The newest CUDA that the driver speaks, `12040` for 12.4; 0 where the library does not say."""
    devices: tuple[NvmlDevice, ...]
    """The devices that answered, by index."""
    problem: str = ""
    """Why a device did not answer; empty when all did."""


class HostError(Exception):
    """The host did not give what was asked: missing, not permitted, too slow, no such call here. One line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class Host(Protocol):
    """What probes may ask of a machine. Every call has a time limit; failures are `HostError`."""

    def run(self, *argv: str, timeout: float = RUN_LIMIT) -> Completed:
        """Run a command without a shell and wait for it; it is killed, with its children, at the limit."""

    def read(self, path: str, limit: int = READ_LIMIT, offset: int = 0) -> bytes:
        """The bytes of a file, at most `limit` of them from `offset`."""

    def list(self, path: str) -> tuple[str, ...]:
        """The names in a directory, sorted."""

    def exists(self, path: str) -> bool:
        """Whether the path leads to something."""

    def stamp(self, path: str) -> Stamp:
        """By what the file at the path, behind links, is known to be the same as before."""

    def resolve(self, path: str) -> str:
        """The path with symbolic links followed."""

    def env(self, name: str) -> str | None:
        """An environment variable."""

    def space(self, path: str) -> Space:
        """Room in the file system that holds the path."""

    def permissions(self, path: str) -> Permissions:
        """Who may do what at the path, and what this process may."""

    def affinity(self) -> int:
        """How many logical cores this process may run on."""

    def uname(self) -> tuple[str, str, str]:
        """Kernel name, kernel release, machine: `("Linux", "6.1.0", "x86_64")`."""

    def libc(self) -> str:
        """The C library that this process runs on, as it names itself: `glibc 2.36`."""

    def interpreter(self) -> Interpreter:
        """The inspected Python interpreter."""

    def nvml(self) -> Nvml:
        """Ask the NVIDIA management library, in this process; a `HostError` carries the library's own words."""

    def can_listen(self, address: str, port: int) -> str:
        """Whether a TCP port can be bound now: `free`, `in-use`, `forbidden` or `unavailable`."""

    def connect(self, address: str, port: int, timeout: float = 1.0) -> bool:
        """Whether a process accepts a TCP connection there."""
