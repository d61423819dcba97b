"""Shared memory under /dev/shm is too small.

## What happens

Workers end with `Bus error`, NCCL cannot set up its channels between GPUs, or a server hangs while it starts. The
disk has room, and `No space left on device` names a file under `/dev/shm`.

## Why

Processes of one service pass tensors through files in `/dev/shm`. Docker and Kubernetes give each container 64 MiB of
it. A data loader with workers, tensor parallelism over several GPUs, Ray's object store and Triton's Python back end
each need more. Writing past the end is no error that a program could catch: the kernel sends SIGBUS.

## How to end it

Give the container more (`--shm-size=8g`), share the host's (`--ipc=host`), or mount an `emptyDir` with
`medium: Memory` at `/dev/shm`.

## How to prevent it

Put the size into the compose file or the pod's specification, with a gigabyte for each GPU to begin with. It counts
towards the container's memory limit.

## Example

```
ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).
RuntimeError: DataLoader worker (pid 411) is killed by signal: Bus error.
```

## References

- https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html
- https://github.com/pytorch/pytorch/issues/3948
- https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import CONTAINER_ENGINE, DISKS, FRAMEWORKS, NVIDIA_DEVICES
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_SHM = "/dev/shm"  # noqa: S108 - searched for in a text

CAUSE = Cause(
    slug="shm-too-small",
    severity=Severity.WARNING,
    needs=(DISKS,),
    uses=(NVIDIA_DEVICES, FRAMEWORKS, CONTAINER_ENGINE),
    message="{path} holds {total:bytes}, of which {free:bytes} are free, too little for {what}",
    signatures=(
        Signature("insufficient shared memory"),
        Signature("is killed by signal: Bus error"),
        Signature("workers are out of shared memory"),
        Signature("unable to allocate shared memory(shm)"),
        Signature(_SHM, rf"{_SHM}.{{0,200}}No space left on device|No space left on device.{{0,200}}{_SHM}"),
        Signature(f"{_SHM}/nccl-", r"failed to extend|Error while (?:creating|attaching to) shared memory segment"),
        Signature(
            "NCCL WARN", r"NCCL WARN.{0,200}(?:shm|shared memory|posix_fallocate).{0,200}No space left on device"
        ),
        Signature("</torch_", r"(?:No space left on device|unable to write to file </torch_)"),
        Signature("shared memory", r"(?i)shared memory (?:pool|region|segment|block).{0,200}No space left on device"),
        Signature("boost::interprocess", r"boost::interprocess.{0,200}No space left on device"),
        Signature("increase /dev/shm", weight=0.95),
        Signature("Error while creating shared memory segment", weight=0.95),
        Signature("Bus error", r"(?:^|\s|: )Bus error(?: \(core dumped\)|\s*$|\s+\()", weight=0.9),
        Signature("signal: bus error", weight=0.9),
        Signature("Signals.SIGBUS", weight=0.9),
        Signature("SIGBUS", r"\bSIGBUS\b", weight=0.85),
        Signature("exit code 135", weight=0.85),
        Signature("exitcode: -7", r"exitcode: -7\b", weight=0.85),
        Signature(
            "unable to mmap", r"unable to mmap .{0,40} from file </torch_.{0,80}Cannot allocate memory", weight=0.95
        ),
        Signature(
            f"{_SHM} has only",
            r" has only (?P<free>\d+) bytes",
            weight=0.7,
            message="shared memory has {free} bytes available",
        ),
    ),
    related=("disk-full", "host-oom", "collective-failed", "container-oomkilled"),
)

DEFAULT = 64 * 1024**2
"""What Docker and Kubernetes give a container."""
PER_DEVICE = 256 * 1024**2
"""Bytes for each of several GPUs below which NCCL's channels and the workers' queues do not fit."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare the room with what several GPUs, or workers of a framework, pass through it."""
    devices = len(facts.get_value(NVIDIA_DEVICES, ()))
    for disk in facts.value(DISKS):
        if disk.use != "shm":
            continue
        room: dict[str, Any] = {"path": disk.path, "total": disk.total, "free": disk.free, "devices": devices}
        if devices > 1 and disk.free < PER_DEVICE * devices:
            what = say("work on {count} GPUs at once", count=devices)
            yield CAUSE.finding(facts, disk.path, evidence=(DISKS, NVIDIA_DEVICES), what=what, **room)
        elif disk.total <= DEFAULT and any(build.name == "torch" for build in facts.get_value(FRAMEWORKS, ())):
            # Serving in one process needs none of it.
            severity = Severity.INFO
            what = say("PyTorch with worker processes")
            yield CAUSE.finding(facts, disk.path, evidence=(DISKS, FRAMEWORKS), severity=severity, what=what, **room)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Look; more for the container; more for the machine."""
    size = max(8, int(params.get("devices") or 0))
    yield Remedy(
        why=say("Show the size and what lies there."), commands=("df -h /dev/shm", "ls -la /dev/shm"), safe=True
    )
    yield Remedy(
        why=say("Start the container with more shared memory; `--ipc=host` shares the host's instead."),
        commands=(f"docker run --shm-size={size}g IMAGE",),
        safe=True,
    )
    yield Remedy(
        why=say(
            "In Kubernetes mount an emptyDir with `medium: Memory` at /dev/shm; it counts towards the memory limit."
        ),
    )
    if facts.get_value(CONTAINER_ENGINE, "") == "":
        yield Remedy(
            why=say("Outside of containers enlarge the file system itself."),
            commands=(f"sudo mount -o remount,size={size}G /dev/shm",),
        )
