"""The address that a service is to listen on: whether it is free, and who holds it."""

from __future__ import annotations

import re
from typing import NamedTuple

from airworthy.core.facts import Known, Unknown
from airworthy.core.messages import say
from airworthy.core.values import Endpoint
from airworthy.probes.seam.host import Host, HostError

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
LISTEN = "0A"
MOST_PROCESSES = 20_000
"""Processes whose open files are inspected."""


class Listener(NamedTuple):
    """A listening socket."""

    port: int
    """Its port."""
    inode: int
    """The number by which processes' open files name it."""


def read_endpoint(host: Host, address: str, port: int) -> Known | Unknown:
    """The fact `target.endpoint` for an address."""
    try:
        state = host.can_listen(address, port)
    except HostError as error:
        return Unknown(str(error))
    holder = find_holder(host, port) if state == "in-use" else ""
    return Known(Endpoint(host=address, port=port, state=state, holder=holder), "bind")


def find_holder(host: Host, port: int) -> str:
    """The process that listens on a port, `nginx (pid 812)`; empty where this user may not know."""
    inodes = set()
    for table in TABLES:
        try:
            text = host.read(table).decode("ascii", "replace")
        except HostError:
            continue
        inodes |= {listener.inode for listener in parse_listeners(text) if listener.port == port}
    if not inodes:
        return ""
    names = {f"socket:[{inode}]" for inode in inodes}
    try:
        pids = [name for name in host.list("/proc") if name.isdigit()][:MOST_PROCESSES]
    except HostError:
        return ""
    for pid in pids:
        if _holds(host, pid, names):
            try:
                command = host.read(f"/proc/{pid}/comm", 256).decode("utf-8", "replace").strip()
            except HostError:
                command = say("a process")
            return say("{command} (pid {pid})", command=command, pid=pid)
    return ""


def _holds(host: Host, pid: str, names: set[str]) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        return any(host.resolve(f"{folder}/{each}").rpartition("/")[2] in names for each in host.list(folder))
    except HostError:
        return False  # another user's process, or one that ended


def parse_listeners(text: str) -> tuple[Listener, ...]:
    """The listening sockets in /proc/net/tcp or tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != LISTEN:
            continue
        match = re.fullmatch(r"(?:[0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})", fields[1])
        if match and re.fullmatch(r"\d{1,20}", fields[9]):
            found.append(Listener(int(match[1], 16), int(fields[9])))
    return tuple(found)
