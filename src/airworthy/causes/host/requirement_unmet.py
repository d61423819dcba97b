"""The machine has less than the settings ask for.

## What happens

`airworthy check` ends with an error that names what is short: cores, memory, disk, accelerators, their memory or
compute capability, the driver, the interpreter. Whatever runs here may still run, slower or in smaller batches than
was planned for.

## Why

The table `[requirements]` of `airworthy.toml` states what a deployment was sized for, and this machine, or what its
container leaves of it, is smaller. Quotas and memory limits count: a container with 2 cores of 64 has 2.

## How to end it

Run on a machine, or with a limit, that has it. If the deployment got smaller, lower the floor in `airworthy.toml`.

## How to prevent it

Keep `airworthy.toml` beside the model and let the pipeline run `airworthy check` where it deploys to.

## Example

```
requirement-unmet  memory
    memory: 8.0 GiB, and the settings ask for 32.0 GiB or more
```

## References

- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
- https://docs.docker.com/engine/containers/resource_constraints/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.cores import CORE_FACTS, usable_cores
from airworthy.core.facts import Facts, Known, Unknown
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import (
    DEVICES,
    DISKS,
    MEMORY_LIMIT,
    MEMORY_TOTAL,
    NVIDIA_DEVICES,
    NVIDIA_DRIVER,
    PYTHON_VERSION,
    REQUIREMENTS,
    STORAGE,
    Key,
)
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="requirement-unmet",
    severity=Severity.ERROR,
    needs=(REQUIREMENTS,),
    uses=(
        *(*CORE_FACTS, MEMORY_TOTAL, MEMORY_LIMIT, DISKS, NVIDIA_DRIVER, PYTHON_VERSION),
        STORAGE,
        *DEVICES,
    ),
    message="{what}: {found}, and the settings ask for {wanted} or more",
    signatures=(
        Signature(
            "and the settings ask for",
            r"(?P<what>[\w ]{2,40}): (?P<found>[\w. ]{1,40}), and the settings ask for (?P<wanted>[\w. ]{1,40}) or",
        ),
    ),
    related=("policy-violation", "host-oom", "gpu-oom", "disk-full", "no-kernel-image", "driver-too-old"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Each floor against what there is; what is unknown is not below any floor."""
    undecided: list[str] = []
    for name, measure in _MEASURES.items():
        wanted = getattr(facts.value(REQUIREMENTS), name)
        if not wanted:
            continue
        what, found, keys = measure(facts, known)
        if found is None:
            if keys == (STORAGE,) and STORAGE.name not in facts:
                continue  # it was not to be measured
            unknown = [(key, fact) for key in keys if isinstance(fact := facts.fact(key), Unknown)]
            undecided += [say("{fact} is unknown: {reason}", fact=k.name, reason=f.reason) for k, f in unknown[:1]]
        if found is None and undecided:
            continue
        if found is None or found < wanted:
            size = name in {"memory", "disk", "device_memory", "storage_read"}
            told = [say("{size:bytes}", size=each) if size and each is not None else each for each in (found, wanted)]
            yield CAUSE.finding(
                facts,
                what,
                evidence=(REQUIREMENTS, *[key for key in keys if isinstance(facts.fact(key), Known)][:2]),
                setting=f"requirements.{name}",
                what=what,
                found=say("none") if told[0] is None else told[0],
                wanted=told[1],
            )
    if undecided:
        raise Undecidable("{reasons}", reasons="; ".join(undecided))


_Measured = tuple[str, Any, tuple[Key[Any], ...]]


def _cores(facts: Facts, known: Knowledge) -> _Measured:
    return say("cores"), usable_cores(facts), CORE_FACTS


def _memory(facts: Facts, known: Knowledge) -> _Measured:
    sizes = [size for key in (MEMORY_TOTAL, MEMORY_LIMIT) if (size := facts.get_value(key, None)) is not None]
    return say("memory"), min(sizes, default=None), (MEMORY_TOTAL, MEMORY_LIMIT)


def _disk(facts: Facts, known: Knowledge) -> _Measured:
    free = [disk.free for disk in facts.get_value(DISKS, ()) if disk.use == "work"]
    return say("free disk"), min(free, default=None), (DISKS,)


def _devices(facts: Facts) -> list[Device]:
    return [device for key in DEVICES for device in facts.get_value(key, ())]


def _looked_at(facts: Facts) -> bool:
    return not any(key.name in facts and isinstance(facts.fact(key), Unknown) for key in DEVICES)


def _count(facts: Facts, known: Knowledge) -> _Measured:
    count = len(_devices(facts))
    return say("accelerators"), count if count or _looked_at(facts) else None, DEVICES


def _device_memory(facts: Facts, known: Knowledge) -> _Measured:
    sizes = [device.memory for device in _devices(facts) if device.memory is not None]
    return say("accelerator memory"), max(sizes, default=0 if _looked_at(facts) else None), DEVICES


def _storage_read(facts: Facts, known: Knowledge) -> _Measured:
    speed = facts.get_value(STORAGE, None)
    return say("bytes read a second"), None if speed is None else speed.read, (STORAGE,)


def _storage_writes(facts: Facts, known: Knowledge) -> _Measured:
    speed = facts.get_value(STORAGE, None)
    return say("random writes a second"), None if speed is None else speed.writes, (STORAGE,)


def _capability(facts: Facts, known: Knowledge) -> _Measured:
    found = [at for d in facts.get_value(NVIDIA_DEVICES, ()) if (at := known.capability_of(d.architecture)) is not None]
    return say("compute capability"), max(found, default=None), (NVIDIA_DEVICES,)


def _driver(facts: Facts, known: Knowledge) -> _Measured:
    return say("driver"), facts.get_value(NVIDIA_DRIVER, None), (NVIDIA_DRIVER,)


def _python(facts: Facts, known: Knowledge) -> _Measured:
    return say("Python"), facts.get_value(PYTHON_VERSION, None), (PYTHON_VERSION,)


_MEASURES = {
    "cores": _cores,
    "memory": _memory,
    "disk": _disk,
    "devices": _count,
    "device_memory": _device_memory,
    "storage_read": _storage_read,
    "storage_writes": _storage_writes,
    "capability": _capability,
    "driver": _driver,
    "python": _python,
}


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another machine, or another floor."""
    yield Remedy(why=say("Run on a machine that has it, or give the container or job more of this one."))
    yield Remedy(
        why=say(
            "Where the deployment needs less than it did, lower `{setting}` in airworthy.toml.",
            setting=params.get("setting", "requirements"),
        )
    )
