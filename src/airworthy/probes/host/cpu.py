"""The processor: its name, cores, instruction sets, and how much of it this process may use."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import (
    CPU_AFFINITY,
    CPU_ARCHITECTURE,
    CPU_CORES,
    CPU_INSTRUCTIONS,
    CPU_MODEL,
    CPU_QUOTA,
)
from airworthy.core.messages import say
from airworthy.probes.host.cgroups import levels
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

CPUINFO = "/proc/cpuinfo"
ONLINE = "/sys/devices/system/cpu/online"
CPUINFO_LIMIT = 64 * 1024
"""Bytes of /proc/cpuinfo that are read: its first processors, as the kernel takes its time over hundreds."""

_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_NAME_FIELDS = ("model name", "Model Name", "Processor", "cpu model", "cpu", "uarch")
_ID_FIELDS = ("CPU implementer", "CPU part")
_INSTRUCTION_FIELDS = ("flags", "Features", "features")


def read(host: Host) -> Reading:
    """Read the processor's facts."""
    system, _, machine = host.uname()
    yield CPU_ARCHITECTURE, Known(normalise_architecture(machine), "uname")
    try:
        yield CPU_AFFINITY, Known(host.affinity(), "sched_getaffinity")
    except HostError as error:
        yield CPU_AFFINITY, Unknown(str(error))
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    yield CPU_QUOTA, _quota(host)
    text = host.read(CPUINFO, CPUINFO_LIMIT).decode("utf-8", "replace")
    name = model_name(text)
    yield CPU_MODEL, Known(name, CPUINFO) if name else Unknown(say("{path} names no model", path=CPUINFO))
    found = instructions(text)
    none = Unknown(say("{path} lists no instruction sets", path=CPUINFO))
    yield CPU_INSTRUCTIONS, Known(found, CPUINFO) if found else none
    if host.exists(ONLINE):
        cores, source = count_cores(host.read(ONLINE, 4096).decode("ascii", "replace")), ONLINE
    else:
        cores, source = len(re.findall(r"(?m)^processor\s*:", text)), CPUINFO
    yield CPU_CORES, Known(cores, source) if cores else Unknown(say("{path} lists no processor", path=source))


def normalise_architecture(machine: str) -> str:
    """The architecture by the name that Linux gives it."""
    return _ARCHITECTURES.get(machine.lower(), machine)


def _fields(cpuinfo: str) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in cpuinfo.splitlines())
    return [(name.strip(), value.strip()) for name, colon, value in pairs if colon]


def model_name(cpuinfo: str) -> str:
    """The processor's name; for an Arm one that has none, its maker's and part's numbers."""
    first: dict[str, str] = {}
    for name, value in _fields(cpuinfo):
        first.setdefault(name, value)
    for name in _NAME_FIELDS:
        if first.get(name) and not first[name].isdigit():
            return " ".join(first[name].split())
    if all(name in first for name in _ID_FIELDS):
        return ", ".join(f"{name.removeprefix('CPU ')} {first[name]}" for name in _ID_FIELDS)
    return ""


def instructions(cpuinfo: str) -> tuple[str, ...]:
    """The instruction set extensions that all processors have, sorted."""
    sets = [frozenset(value.split()) for name, value in _fields(cpuinfo) if name in _INSTRUCTION_FIELDS]
    if len(sets) > 1 and not cpuinfo.endswith("\n"):
        sets.pop()  # the text was cut, perhaps within this line
    return tuple(sorted(frozenset.intersection(*sets))) if sets else ()


def count_cores(ranges: str) -> int:
    """The number of cores in a kernel list such as `0-3,8-11`; 0 where it is not one."""
    total = 0
    for part in ranges.strip().split(","):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if match is None:
            return 0
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            return 0
        total += last - first + 1
    return total


def _quota(host: Host) -> Known | Absent | Unknown:
    found: list[tuple[float, str]] = []
    looked: list[str] = []
    for level in levels(host, "cpu"):
        looked.append(level.path)
        if level.version == 2:
            text, source = level.read(host, "cpu.max"), "cpu.max"
            quota = parse_cpu_max(text)
        else:
            source = "cpu.cfs_quota_us"
            quota = parse_cfs(level.read(host, source), level.read(host, "cpu.cfs_period_us"))
        if quota is not None:
            found.append((quota, f"{level.path}/{source}"))
    if found:
        return Known(*min(found))
    return Absent(say("no cpu quota in {path}", path=looked[0]))


def parse_cpu_max(text: str) -> float | None:
    """Cores' worth of time in cgroup v2's `cpu.max`, `150000 100000`; None without a quota."""
    match = re.fullmatch(r"(\d{1,18})(?: (\d{1,18}))?\s*", text)
    period = int(match[2] or 100_000) if match else 0
    return int(match[1]) / period if match and period else None


def parse_cfs(quota: str, period: str) -> float | None:
    """Cores' worth of time in cgroup v1's quota and period; None without a quota."""
    if not re.fullmatch(r"\d{1,18}\s*", quota) or not re.fullmatch(r"\d{1,18}\s*", period):
        return None
    return int(quota) / int(period) if int(quota) and int(period) else None


PROBE = Probe("cpu", (CPU_MODEL, CPU_ARCHITECTURE, CPU_CORES, CPU_AFFINITY, CPU_QUOTA, CPU_INSTRUCTIONS), read)
"""Name, cores, instruction sets, affinity and quota of the processor."""
