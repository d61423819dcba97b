"""Places, storage and addresses of a host."""

from __future__ import annotations

from airworthy.core.values.base import Value


class Disk(Value, frozen=True):
    """Room at one place of the file system."""

    use: str
    """What the place is for: `work`, `temp`, `home`, `cache`, `shm`."""
    path: str
    """The directory that was asked about."""
    total: int
    """Size of its file system in bytes."""
    free: int
    """Bytes that this user may still write."""
    inodes_free: int | None = None
    """Files that can still be made, where the file system counts them."""
    read_only: bool = False
    """Whether it is mounted read-only."""


class Access(Value, frozen=True):
    """What this user may do at one path."""

    use: str
    """What the path is for: `work`, `temp`, `home`, `cache`; `device` for a device node."""
    path: str
    """The path that was asked about."""
    readable: bool
    """Whether this user may read it."""
    writable: bool
    """Whether this user may write to it."""
    mode: str = ""
    """Its permission bits in octal, `0660`."""
    owner: str = ""
    """Its owner: a name for accounts of the system, a number for people's."""
    group: str = ""
    """Its group, `video`, `render`, likewise."""


class Endpoint(Value, frozen=True):
    """An address that a service is to listen on, and what is there now."""

    host: str
    """The address."""
    port: int
    """The TCP port."""
    state: str
    """`free`, `in-use`, `forbidden` (a privileged port), or `unavailable` (no such address here)."""
    holder: str = ""
    """The process that holds it, `nginx (pid 812)`, where it can be determined."""


class StorageSpeed(Value, frozen=True):
    """How fast a folder's storage was just now, past the system's cache where that was possible."""

    path: str
    """The folder."""
    read: int
    """Bytes a second, read in order."""
    writes: int
    """Writes of 4 KiB a second, at random places, each on the disk before the next."""
    by: str
    """What measured it: `fio` or `airworthy`."""
    cached: bool = False
    """Whether the system's cache could not be passed by, so that the disk may be slower."""
