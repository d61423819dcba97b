"""A summary of the machine that was checked: processor, memory, devices, drivers and frameworks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from airworthy.core.cores import usable_cores
from airworthy.core.facts import Facts, Known, Unknown
from airworthy.core.keys import (
    CPU_ARCHITECTURE,
    CPU_CORES,
    CPU_MODEL,
    DEVICES,
    DRIVERS,
    FRAMEWORKS,
    MEMORY_AVAILABLE,
    MEMORY_LIMIT,
    MEMORY_TOTAL,
    Key,
)


def machine_summary(facts: Facts) -> dict[str, Any]:
    """What the facts say of the machine, as plain data; a part that could not be read is `{"unknown": reason}`."""
    return {
        "cpu": _cpu(facts),
        "memory": _memory(facts),
        "devices": _devices(facts),
        "drivers": _drivers(facts),
        "frameworks": _frameworks(facts),
    }


def _value(facts: Facts, key: Key[Any]) -> Any:
    return facts.get_value(key, None)


def _cpu(facts: Facts) -> dict[str, Any]:
    model, cores = _value(facts, CPU_MODEL), _value(facts, CPU_CORES)
    if model is None and cores is None:
        return {"unknown": facts.source(CPU_MODEL)}
    return {
        "model": model,
        "architecture": _value(facts, CPU_ARCHITECTURE),
        "cores": cores,
        "usable_cores": usable_cores(facts),
    }


def _memory(facts: Facts) -> dict[str, Any]:
    total = _value(facts, MEMORY_TOTAL)
    if total is None:
        return {"unknown": facts.source(MEMORY_TOTAL)}
    return {"total": total, "available": _value(facts, MEMORY_AVAILABLE), "limit": _value(facts, MEMORY_LIMIT)}


def _devices(facts: Facts) -> dict[str, Any]:
    found = [device for key in DEVICES for device in facts.get_value(key, ())]
    counted = Counter((device.vendor, device.name, device.memory) for device in found)
    rows = [
        {"vendor": vendor, "name": name, "memory": memory, "count": count}
        for (vendor, name, memory), count in counted.items()
    ]
    # A maker whose tools cannot be asked may have devices here: an empty list would deny them.
    unread = [
        {"vendor": key.name.partition(".")[0], "unknown": fact.reason}
        for key in DEVICES
        if isinstance(fact := facts.fact(key), Unknown)
    ]
    return {"found": rows, "unread": unread}


def _drivers(facts: Facts) -> dict[str, Any]:
    found = [(key.name.partition(".")[0], facts.fact(key)) for key in DRIVERS]
    return {
        "found": {vendor: fact.value.text for vendor, fact in found if isinstance(fact, Known)},
        "unread": [{"vendor": vendor, "unknown": fact.reason} for vendor, fact in found if isinstance(fact, Unknown)],
    }


def _frameworks(facts: Facts) -> dict[str, Any]:
    fact = facts.fact(FRAMEWORKS)
    if isinstance(fact, Unknown):
        return {"unknown": fact.reason}
    return {
        "found": [
            {
                "name": build.name,
                "version": build.version.text,
                "accelerator": build.accelerator,
                "runtime": build.runtime.text if build.runtime else None,
            }
            for build in facts.get_value(FRAMEWORKS, ())
        ]
    }
