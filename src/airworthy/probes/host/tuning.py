"""What an administrator sets and a model feels: clock governor, NUMA, huge pages, swap, kernel settings, the clock."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Fact, Known, Unknown
from airworthy.core.keys import (
    CLOCK_SOURCE,
    CLOCK_SYNCHRONISED,
    CPU_GOVERNOR,
    KERNEL_MAP_COUNT,
    KERNEL_OVERCOMMIT,
    MEMORY_HUGE_PAGES,
    MEMORY_SWAP,
    MEMORY_SWAP_FREE,
    MEMORY_TRANSPARENT_HUGE_PAGES,
    NUMA_NODES,
)
from airworthy.core.messages import say
from airworthy.core.values import NumaNode
from airworthy.probes.host.cpu import count_cores
from airworthy.probes.host.memory import MEMINFO, parse_meminfo
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

GOVERNOR = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
NODES = "/sys/devices/system/node"
TRANSPARENT = "/sys/kernel/mm/transparent_hugepage/enabled"
MAP_COUNT = "/proc/sys/vm/max_map_count"
OVERCOMMIT = "/proc/sys/vm/overcommit_memory"
SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
TIMESYNC = "/run/systemd/timesync"
MOST_NODES = 256


def read(host: Host) -> Reading:
    """Read the settings."""
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    yield CPU_GOVERNOR, _word(host, GOVERNOR, absent=say("the kernel does not set the clock: no cpufreq"))
    yield MEMORY_TRANSPARENT_HUGE_PAGES, _transparent(host)
    yield KERNEL_MAP_COUNT, _number(host, MAP_COUNT)
    yield KERNEL_OVERCOMMIT, _number(host, OVERCOMMIT)
    yield CLOCK_SOURCE, _word(host, SOURCE, absent=say("the kernel names no clock source"))
    yield CLOCK_SYNCHRONISED, _synchronised(host)
    yield NUMA_NODES, _nodes(host)
    sizes = parse_meminfo(host.read(MEMINFO, 65536).decode("ascii", "replace"))
    none = Absent(say("no swap in {path}", path=MEMINFO))
    swap = sizes.get("SwapTotal")
    yield MEMORY_SWAP, Known(swap, MEMINFO) if swap else none
    yield MEMORY_SWAP_FREE, Known(sizes.get("SwapFree", 0), MEMINFO) if swap else none
    text = host.read(MEMINFO, 65536).decode("ascii", "replace")
    reserved = re.search(r"(?m)^HugePages_Total:\s{1,20}(\d{1,9})\s*$", text)
    pages = int(reserved[1]) * sizes.get("Hugepagesize", 0) if reserved else 0
    yield MEMORY_HUGE_PAGES, Known(pages, MEMINFO) if pages else Absent(say("none reserved in {path}", path=MEMINFO))


def _text(host: Host, path: str) -> str:
    return host.read(path, 4096).decode("ascii", "replace").strip()


def _word(host: Host, path: str, *, absent: str) -> Fact:
    if not host.exists(path):
        return Absent(absent)
    try:
        return Known(_text(host, path)[:60], path)
    except HostError as error:
        return Unknown(str(error))


def _number(host: Host, path: str) -> Known | Unknown:
    try:
        text = _text(host, path)
    except HostError as error:
        return Unknown(str(error))
    return (
        Known(int(text), path) if re.fullmatch(r"\d{1,12}", text) else Unknown(say("{path} gives no number", path=path))
    )


def _transparent(host: Host) -> Fact:
    if not host.exists(TRANSPARENT):
        return Absent(say("the kernel has none: no {path}", path=TRANSPARENT))
    try:
        chosen = re.search(r"\[(\w{1,20})\]", _text(host, TRANSPARENT))
    except HostError as error:
        return Unknown(str(error))
    return Known(chosen[1], TRANSPARENT) if chosen else Unknown(say("{path} marks no choice", path=TRANSPARENT))


def _synchronised(host: Host) -> Known | Unknown:
    """Only systemd's own client leaves a mark that everyone may read."""
    if host.exists(f"{TIMESYNC}/synchronized"):
        return Known(True, f"{TIMESYNC}/synchronized")
    if host.exists(TIMESYNC):
        return Known(False, TIMESYNC)
    return Unknown(say("no systemd-timesyncd here; another client may keep the clock"))


def _nodes(host: Host) -> Known | Absent | Unknown:
    if not host.exists(NODES):
        return Absent(say("the kernel knows no NUMA: no {path}", path=NODES))
    found = []
    try:
        names = [match[1] for name in host.list(NODES) if (match := re.fullmatch(r"node(\d{1,4})", name))]
        for number in sorted(names, key=int)[:MOST_NODES]:
            cores = count_cores(_text(host, f"{NODES}/node{number}/cpulist"))
            memory = re.search(r"MemTotal:\s{1,20}(\d{1,15}) kB", _text(host, f"{NODES}/node{number}/meminfo"))
            size = int(memory[1]) * 1024 if memory else 0
            found.append(NumaNode(index=int(number), cores=cores, memory=size))
    except HostError as error:
        return Unknown(str(error))
    return Known(tuple(found), NODES)


PROBE = Probe(
    "tuning",
    (
        CPU_GOVERNOR,
        NUMA_NODES,
        MEMORY_SWAP,
        MEMORY_SWAP_FREE,
        MEMORY_HUGE_PAGES,
        MEMORY_TRANSPARENT_HUGE_PAGES,
        KERNEL_MAP_COUNT,
        KERNEL_OVERCOMMIT,
        CLOCK_SOURCE,
        CLOCK_SYNCHRONISED,
    ),
    read,
)
"""Clock governor, NUMA, huge pages, swap, kernel settings, time."""
