"""The machine that was checked, one line each for processor, memory, devices, drivers and frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.report.layout import Line, line, table


def lines(machine: dict[str, Any]) -> Iterator[Line]:
    """One line a part; a part that could not be read says why."""
    rows = [
        (say("CPU"), _cpu(machine["cpu"])),
        (say("memory"), _memory(machine["memory"])),
        (say("devices"), _devices(machine["devices"])),
        (say("drivers"), _drivers(machine["drivers"])),
        (say("frameworks"), _frameworks(machine["frameworks"])),
    ]
    yield from table([(name, text or say("none")) for name, text in rows], styles=("name", ""))
    yield line()


def _unknown(reason: str) -> str:
    return say("unknown: {reason}", reason=reason)


def _cpu(cpu: dict[str, Any]) -> str:
    if "unknown" in cpu:
        return _unknown(cpu["unknown"])
    cores, usable = cpu["cores"], cpu["usable_cores"]
    counted = say("unknown cores") if usable is None else say("{count} cores", count=usable)
    if cores is not None and usable != cores:
        counted = say("{usable} of {cores} cores", usable=usable, cores=cores)
    return ", ".join(part for part in (cpu["model"], cpu["architecture"], counted) if part)


def _memory(memory: dict[str, Any]) -> str:
    if "unknown" in memory:
        return _unknown(memory["unknown"])
    text = say("{size:bytes}", size=memory["total"])
    if memory["available"] is not None:
        text += say(", {size:bytes} available", size=memory["available"])
    if memory["limit"] is not None:
        text += say(", limited to {size:bytes}", size=memory["limit"])
    return text


def _devices(devices: dict[str, Any]) -> str:
    parts = []
    for row in devices["found"]:
        count = f"{row['count']} x " if row["count"] > 1 else ""
        memory = "" if row["memory"] is None else say(" with {size:bytes}", size=row["memory"])
        parts.append(f"{count}{row['name']}{memory}")
    parts += [
        say("{vendor} unknown: {reason}", vendor=row["vendor"], reason=row["unknown"]) for row in devices["unread"]
    ]
    return "; ".join(parts)


def _drivers(drivers: dict[str, Any]) -> str:
    parts = [f"{vendor} {version}" for vendor, version in drivers["found"].items()]
    parts += [say("{vendor} unknown", vendor=row["vendor"]) for row in drivers["unread"]]
    return "; ".join(parts)


def _frameworks(frameworks: dict[str, Any]) -> str:
    if "unknown" in frameworks:
        return _unknown(frameworks["unknown"])
    parts = []
    for row in frameworks["found"]:
        build = row["accelerator"] + (f" {row['runtime']}" if row["runtime"] else "")
        parts.append(say("{name} {version} for {build}", name=row["name"], version=row["version"], build=build))
    return "; ".join(parts)
