"""Control groups: where this process stands in them, in version 2, version 1 and the mixture of both."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from airworthy.core.messages import say
from airworthy.probes.seam.host import Host, HostError

MEMBERSHIP = "/proc/self/cgroup"
MOUNTS = "/proc/self/mountinfo"
MOST_LEVELS = 64
"""Levels of nesting that are read."""


class Membership(NamedTuple):
    """A line of /proc/self/cgroup."""

    version: int
    """2 for the unified hierarchy, 1 for a controller's own."""
    controllers: tuple[str, ...]
    """The controllers of a version 1 hierarchy."""
    path: str
    """The group, as seen from the cgroup namespace."""


class Mount(NamedTuple):
    """A cgroup file system in /proc/self/mountinfo."""

    version: int
    """2 or 1."""
    controllers: frozenset[str]
    """The controllers of a version 1 mount."""
    root: str
    """The group that the mount point shows."""
    point: str
    """The mount point."""


class CgroupLevel(NamedTuple):
    """One group, from this process's own up to the root that can be seen."""

    version: int
    """2 or 1."""
    path: str
    """Its directory."""

    def read(self, host: Host, name: str) -> str:
        """A file of the group; empty where the group has none, as the root has no limits."""
        path = f"{self.path}/{name}"
        return host.read(path, 65536).decode("ascii", "replace") if host.exists(path) else ""


def levels(host: Host, controller: str) -> tuple[CgroupLevel, ...]:
    """The groups that govern this process, its own first.

    Raises:
        HostError: the host does not say, or shows no control group.
    """
    members = parse_membership(host.read(MEMBERSHIP, 65536).decode("utf-8", "replace"))
    mounts = parse_mounts(host.read(MOUNTS, 1024 * 1024).decode("utf-8", "replace"))
    found: list[CgroupLevel] = []
    for member in members:
        if member.version == 1 and controller not in member.controllers:
            continue
        for mount in mounts:
            if mount.version == member.version and (mount.version == 2 or controller in mount.controllers):
                found.extend(CgroupLevel(mount.version, path) for path in group_paths(mount, member.path))
                break
    if not found:
        raise HostError(say("no cgroup file system with the {controller} controller is mounted", controller=controller))
    return tuple(found)


def parse_membership(text: str) -> tuple[Membership, ...]:
    """The lines of /proc/self/cgroup, `4:memory:/docker/1f…` and `0::/user.slice`."""
    found = []
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon and path.startswith("/"):
            version = 2 if number == "0" and not controllers else 1
            found.append(Membership(version, tuple(controllers.split(",")), path.removesuffix(" (deleted)")))
    return tuple(found)


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """The cgroup file systems of /proc/self/mountinfo."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if dash and len(fields) >= 6 and len(kind) >= 3 and kind[0] in {"cgroup", "cgroup2"}:
            version = 2 if kind[0] == "cgroup2" else 1
            controllers = frozenset(kind[2].split(",")) if version == 1 else frozenset[str]()
            found.append(Mount(version, controllers, _unescape(fields[3]), _unescape(fields[4])))
    return tuple(found)


def group_paths(mount: Mount, group: str) -> tuple[str, ...]:
    """The directories of a group and of those above it, as far up as the mount shows."""
    root = mount.root.rstrip("/")
    if ".." in group.split("/") or ".." in root.split("/"):
        relative = ""  # outside of what this namespace shows; the mount point is all there is to see
    elif group == root or group.startswith(root + "/"):
        relative = group[len(root) :].strip("/")
    else:
        relative = ""
    parts = [part for part in relative.split("/") if part][:MOST_LEVELS]
    return tuple(posixpath.join(mount.point, *parts[:depth]) for depth in range(len(parts), -1, -1))


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
