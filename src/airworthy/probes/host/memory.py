"""Main memory: how much there is, how much a new process can have, and the cgroup's limit."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import MEMORY_AVAILABLE, MEMORY_LIMIT, MEMORY_TOTAL
from airworthy.core.messages import say
from airworthy.probes.host.cgroups import levels
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

MEMINFO = "/proc/meminfo"
NO_LIMIT = 1 << 60
"""Version 1 writes a number near 2^63 where there is no limit."""


def read(host: Host) -> Reading:
    """Read the memory's facts."""
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    limit: Known | Absent | Unknown
    room: tuple[int, str] | None = None
    try:
        limit, room = _limit_and_room(host)
    except HostError as error:
        limit = Unknown(str(error))
    yield MEMORY_LIMIT, limit
    sizes = parse_meminfo(host.read(MEMINFO, 65536).decode("ascii", "replace"))
    total = sizes.get("MemTotal")
    yield MEMORY_TOTAL, Known(total, MEMINFO) if total else Unknown(say("{path} gives no MemTotal", path=MEMINFO))
    available = available_memory(sizes)
    if available is None:
        yield MEMORY_AVAILABLE, Unknown(say("{path} gives no MemAvailable", path=MEMINFO))
    elif room is not None and room[0] < available:
        yield MEMORY_AVAILABLE, Known(*room)
    else:
        yield MEMORY_AVAILABLE, Known(available, MEMINFO)


def parse_meminfo(text: str) -> dict[str, int]:
    """The sizes of /proc/meminfo in bytes, by name."""
    return {name: int(size) * 1024 for name, size in re.findall(r"(?m)^(\w+):\s+(\d{1,15}) kB\s*$", text)}


def available_memory(sizes: dict[str, int]) -> int | None:
    """`MemAvailable`, or what a kernel before 3.14 lets one reckon in its place; None where neither is reported."""
    if "MemAvailable" in sizes:
        return sizes["MemAvailable"]
    if "MemFree" not in sizes:
        return None
    return sizes["MemFree"] + sizes.get("Cached", 0) + sizes.get("Buffers", 0)


def parse_limit(text: str) -> int | None:
    """A limit in bytes; None for `max` and for the number that stands for no limit."""
    if not re.fullmatch(r"\d{1,20}\s*", text) or int(text) >= NO_LIMIT:
        return None
    return int(text)


_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""By version: the limit, the use, and the part of the use in memory.stat that the kernel gives back when asked."""


def _limit_and_room(host: Host) -> tuple[Known | Absent, tuple[int, str] | None]:
    found: list[tuple[int, str]] = []
    rooms: list[tuple[int, str]] = []
    looked = levels(host, "memory")
    for level in looked:
        name, use, spare = _FILES[level.version]
        limit = parse_limit(level.read(host, name))
        if limit is None:
            continue
        found.append((limit, f"{level.path}/{name}"))
        used = parse_limit(level.read(host, use))
        if used is not None:
            reclaimable = re.search(rf"(?m)^{spare} (\d{{1,18}})$", level.read(host, "memory.stat"))
            held = max(0, used - int(reclaimable[1])) if reclaimable else used
            rooms.append((max(0, limit - held), f"{level.path}/{use}"))
    if not found:
        return Absent(say("no memory limit in {path}", path=looked[0].path)), None
    return Known(*min(found)), min(rooms, default=None)


PROBE = Probe("memory", (MEMORY_TOTAL, MEMORY_AVAILABLE, MEMORY_LIMIT), read)
"""Size, availability and limit of main memory."""
