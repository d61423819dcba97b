"""Room at the places that a deployment writes to: work, temporary files, caches, shared memory."""

from __future__ import annotations

import posixpath

from airworthy.core.facts import Known
from airworthy.core.keys import DISKS
from airworthy.core.messages import say
from airworthy.core.values import Disk
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError


def read(host: Host) -> Reading:
    """Read the room at each place; a place that is not there is left out."""
    disks: list[Disk] = []
    problems: list[str] = []
    for use, path in places(host):
        try:
            there = nearest(host, path)
            room = host.space(there)
        except HostError as error:
            problems.append(f"{use}: {error}")
            continue
        disks.append(
            Disk(
                use=use,
                path=there,
                total=room.total,
                free=room.free,
                inodes_free=room.inodes_free,
                read_only=room.read_only,
            )
        )
    if not disks:
        raise HostError("; ".join(problems) or say("no place to write to is known"))
    yield DISKS, Known(tuple(disks), "; ".join(["statvfs", *problems]))


def places(host: Host) -> tuple[tuple[str, str], ...]:
    """What each place is for, and its path."""
    windows = host.uname()[0] == "Windows"
    home = host.env("USERPROFILE" if windows else "HOME")
    temp = host.env("TMPDIR") or host.env("TEMP") or host.env("TMP") or ("" if windows else "/tmp")  # noqa: S108 - inspected, not written to
    cache = host.env("HF_HOME") or host.env("XDG_CACHE_HOME")
    found = [("work", host.resolve(".")), ("temp", temp), ("home", home or ""), ("cache", cache or "")]
    if not windows and host.exists("/dev/shm"):  # noqa: S108 - inspected, not written to
        found.append(("shm", "/dev/shm"))  # noqa: S108
    return tuple((use, path) for use, path in found if path)


def nearest(host: Host, path: str) -> str:
    """The path, or the directory above it in which it would be made."""
    while not host.exists(path):
        above = posixpath.dirname(path)
        if above in {path, ""}:
            break
        path = above
    return path


PROBE = Probe("disks", (DISKS,), read)
"""Room where a deployment writes."""
