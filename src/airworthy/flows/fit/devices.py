"""The devices of a question about fitting: those of facts, or ones that are named."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Facts
from airworthy.core.keys import (
    CPU_AFFINITY,
    CPU_CORES,
    CPU_INSTRUCTIONS,
    CPU_QUOTA,
    DEVICES,
    MEMORY_AVAILABLE,
    MEMORY_LIMIT,
    MEMORY_TOTAL,
)
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.fit.devices import (
    CATALOGUE,
    CPU,
    USUAL,
    USUAL_CORE,
    USUAL_DISK,
    USUAL_LINK,
    USUAL_MEMORY,
    FitDevice,
    Rate,
)
from airworthy.knowledge import devices as catalogue
from airworthy.knowledge.specifications import Specification, names, specifications
from airworthy.knowledge.variants_of_cpu import widened

_COUNT = re.compile(r"^\s*(\d{1,4})\s*[x*]\s*(?=\S)", re.IGNORECASE)
_GIB = re.compile(r"(?<![\w.])(\d{1,5}(?:\.\d)?)\s?g(?:i?b)?\b", re.IGNORECASE)
_TYPES = ("float32", "tf32", "float16", "bfloat16", "float8", "int8")
MOST_DEVICES = 16
"""Devices that may be named at a time."""


class DeviceUnknown(AirworthyError):
    """A device that no table knows."""

    code = "device-unknown"
    message = "no table knows a device named {name!r}"
    hint = "{suggestion}"


def usable_memory(facts: Facts) -> int | None:
    """Bytes that a new process on this machine can have; None where that is not known."""
    known = (facts.get_value(MEMORY_AVAILABLE, None), facts.get_value(MEMORY_LIMIT, None))
    return min((size for size in known if size is not None), default=None)


def processor(facts: Facts, measured: Mapping[str, Rate] | None = None) -> FitDevice:
    """The processor of facts, as fast as it was measured, else as such processors usually are."""
    quota = facts.get_value(CPU_QUOTA, None)
    counts = (facts.get_value(CPU_CORES, None), facts.get_value(CPU_AFFINITY, None), int(quota) if quota else None)
    cores = max(1, min((each for each in counts if each is not None), default=4))
    flags = facts.get_value(CPU_INSTRUCTIONS, ())
    usual = say("such processors: {cores} cores", cores=cores)
    arithmetic = {name: Rate(each * cores * widened(flags, name), USUAL, usual) for name, each in USUAL_CORE.items()}
    device = FitDevice(
        name=CPU,
        memory=facts.get_value(MEMORY_TOTAL, None),
        available=usable_memory(facts),
        bandwidth=Rate(USUAL_MEMORY, USUAL, usual),
        arithmetic=arithmetic,
        disk=Rate(USUAL_DISK, USUAL, say("a solid-state disk")),
        cores=cores,
    )
    return with_measured(device, measured or {})


def with_measured(device: FitDevice, measured: Mapping[str, Rate]) -> FitDevice:
    """A device with what was measured of it: `memory`, `disk`, and types by their names."""
    types = {name: rate for name, rate in measured.items() if name in _TYPES}
    return msgspec.structs.replace(
        device,
        bandwidth=measured.get("memory", device.bandwidth),
        disk=measured.get("disk", device.disk),
        arithmetic={**device.arithmetic, **types},
    )


def accelerators(facts: Facts) -> list[FitDevice]:
    """The accelerators of facts, those of one kind together."""
    found: dict[tuple[str, str, int | None], list[Device]] = {}
    for key in DEVICES:
        for device in facts.get_value(key, ()):
            found.setdefault((device.vendor, device.name, device.memory), []).append(device)
    made = []
    for (vendor, name, memory), same in found.items():
        free = [each.memory_free for each in same if each.memory_free is not None]
        rows = specifications(name, memory)
        made.append(
            _of_row(
                rows[0] if rows else None,
                name=name,
                vendor=vendor,
                count=len(same),
                memory=memory,
                available=min(free, default=memory),
                capability=_capability(name, same[0].architecture),
            )
        )
    return made


def named(text: str, here: Sequence[FitDevice]) -> FitDevice:
    """A device by name: `cpu`, `cpu 32GB`, `cuda:0`, `RTX 4090`, `8x H100 80GB`.

    Raises:
        DeviceUnknown: neither this machine nor a table has one of that name.
    """
    asked = text.strip()
    counted = _COUNT.match(asked)
    count = int(counted[1]) if counted else 1
    rest = asked[counted.end() :] if counted else asked
    size = _GIB.search(rest)
    if rest.lower().split()[:1] == [CPU]:
        processor_ = next((each for each in here if not each.accelerator), FitDevice(name=CPU))
        memory = int(float(size[1]) * (1 << 30)) if size else None
        return msgspec.structs.replace(processor_, memory=memory, available=memory) if memory else processor_
    place = re.fullmatch(r"(?:cuda|gpu|npu|rocm):(\d{1,3})", rest.lower())
    own = [each for each in here if each.accelerator]
    if place is not None and int(place[1]) < sum(each.count for each in own):
        index = int(place[1])
        for each in own:
            if index < each.count:
                return msgspec.structs.replace(each, count=1)
            index -= each.count
    memory = catalogue.memory_in(rest)
    rows = specifications(_GIB.sub("", rest) if memory else rest, memory) or specifications(rest)
    if not rows:
        near = difflib.get_close_matches(rest.lower(), {each.lower(): each for each in names()}, n=1, cutoff=0.4)
        suggestion = (
            say("did you mean {near!r}?", near=near[0])
            if near
            else say("name it as its maker's tool does, or give its facts: airworthy facts --save FILE")
        )
        raise DeviceUnknown(name=rest[:100], suggestion=suggestion)
    row = min(rows, key=lambda each: each.memory)
    return _of_row(
        row,
        name=row.names[0] if len(rows) == 1 else rest,
        vendor=row.vendor,
        count=count,
        memory=int(row.memory * (1 << 30)),
        available=int(row.memory * (1 << 30)),
        capability=_capability(rest, ""),
    )


def _of_row(row: Specification | None, *, name: str, **values: Any) -> FitDevice:
    if row is None:
        return FitDevice(name=name, accelerator=True, **values)
    rates = {each: rate for each in _TYPES if (rate := row.arithmetic(each)) is not None}
    return FitDevice(
        name=name,
        accelerator=True,
        bandwidth=Rate(row.bytes_a_second, CATALOGUE, row.source),
        arithmetic={each: Rate(rate, CATALOGUE, row.source) for each, rate in rates.items()},
        link=Rate(USUAL_LINK, USUAL, say("PCI Express 4 with 16 lanes")),
        **values,
    )


def _capability(name: str, architecture: str) -> str:
    if architecture.startswith("sm_") and architecture[3:].isdigit():
        return f"{architecture[3:-1]}.{architecture[-1]}"
    if architecture.startswith("gfx"):
        return architecture
    rows = catalogue.models(name)
    if len({each.code for each in rows}) != 1:
        return ""
    return rows[0].capability.text if rows[0].capability is not None else rows[0].architecture
