"""No space is left on the device.

## What happens

A download, an installation, a log or a cache stops in the middle with `No space left on device`. What was being
written is left truncated, and fails again later under another name, see `file-corrupt`.

## Why

The file system that holds the working directory, the temporary directory or the home directory (the caches of pip
and of the model hub are there) has no room, has run out of files (inodes), or the user's quota is used up. Models
come in tens of gigabytes, and a download needs the room twice where it is unpacked or converted.

## How to end it

Look where the room went, remove what can be had again (caches first), or point caches and temporary files to a
larger disk.

## How to prevent it

`airworthy check MODEL` compares the model's size with the room before anything is written. It calls less than 256
MiB an error: pip, SQLite's journal and a day of logs do not get by with less. Less than 1 GiB is a warning.

## Example

```
  File "/usr/lib/python3.10/tempfile.py", line 622, in func_wrapper
    return func(*args, **kwargs)
OSError: [Errno 28] No space left on device
```

## References

- https://github.com/huggingface/diffusers/issues/4957
- https://man7.org/linux/man-pages/man3/errno.3.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, on_windows, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISKS, MODEL_SIZE
from airworthy.core.messages import say
from airworthy.core.values import Disk
from airworthy.knowledge import Knowledge

LEAST = 256 * 1024**2
"""Bytes below which an installation or a service fails: pip's unpacking, SQLite's journal, a day of logs."""
LITTLE = 1024**3
"""Bytes below which the next download or core dump fills the disk."""
LEAST_INODES = 1000
"""Files below which unpacking one more package fails; a middling wheel holds some hundreds."""

# Shared memory that ran out and watches that ran out say the same words and are other causes.
_NOT_ELSEWHERE = r"^(?!.*(?:/dev/shm|</torch_|/nccl-|NCCL WARN|[Ss]hared memory|boost::interprocess|inotify|[Ww]atch))"

CAUSE = Cause(
    slug="disk-full",
    severity=Severity.ERROR,
    needs=(DISKS,),
    uses=(MODEL_SIZE,),
    message="{path} has {free:bytes} left of {total:bytes}",
    signatures=(
        Signature("No space left on device", _NOT_ELSEWHERE),
        Signature("no space left on device", _NOT_ELSEWHERE),
        Signature("database or disk is full"),
        Signature("There is not enough space on the disk"),
        Signature("Disk quota exceeded", weight=0.95),
        Signature("Not enough free disk space to download the file", weight=0.9),
        Signature("low on resource: ephemeral-storage", weight=0.9),
        Signature("DiskPressure", r"DiskPressure\s+True", weight=0.8),
        Signature("ENOSPC", _NOT_ELSEWHERE, weight=0.8),
    ),
    related=("shm-too-small", "file-limit", "file-corrupt", "volume-not-mounted"),
)

_USES = ("work", "temp", "home")


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Inspect the places that a deployment writes to, each file system once, and no others."""
    seen: set[tuple[int, int]] = set()
    for disk in sorted((d for d in facts.value(DISKS) if d.use in _USES), key=lambda d: _USES.index(d.use)):
        if disk.total <= 0 or disk.read_only or (disk.total, disk.free) in seen:
            continue
        seen.add((disk.total, disk.free))
        yield from _judge(disk, facts)


def _judge(disk: Disk, facts: Facts) -> Iterator[Finding]:
    size = facts.get_value(MODEL_SIZE, None)
    room: dict[str, Any] = {"path": disk.path, "use": disk.use, "free": disk.free, "total": disk.total}
    if disk.free < LEAST:
        yield CAUSE.finding(facts, disk.path, evidence=(DISKS,), **room)
    elif disk.inodes_free is not None and disk.inodes_free < LEAST_INODES:
        message = "{path} has room for {files} more files only, though {free:bytes} are free"
        yield CAUSE.finding(facts, disk.path, evidence=(DISKS,), message=message, files=disk.inodes_free, **room)
    elif disk.use == "work" and size is not None and disk.free < size + LEAST:
        # A warning: the model can be served where it lies, but no copy of it can be made.
        yield CAUSE.finding(
            facts,
            disk.path,
            evidence=(DISKS, MODEL_SIZE),
            severity=Severity.WARNING,
            message="{path} has {free:bytes} left, too little for a copy of this model of {size:bytes}",
            size=size,
            **room,
        )
    elif disk.free < LITTLE:
        yield CAUSE.finding(facts, disk.path, evidence=(DISKS,), severity=Severity.WARNING, **room)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Look first; then what can be had again; then another place."""
    yield Remedy(
        why=say("Show what takes the room; nothing is removed."),
        commands=_look(str(params.get("path", "/")), facts),
        safe=True,
    )
    yield Remedy(
        why=say("Remove pip's cache of downloads; they are fetched again when they are needed."),
        commands=(python(facts, "-m", "pip", "cache", "purge"),),
    )
    yield Remedy(
        why=say("Or point `TMPDIR`, `PIP_CACHE_DIR` and `HF_HOME` to a directory on a larger disk."),
        safe=True,
    )


def _look(path: str, facts: Facts) -> tuple[str, ...]:
    if on_windows(facts):
        return ('powershell -Command "Get-PSDrive -PSProvider FileSystem"',)
    sizes = command(facts, "du", "-xh", "--max-depth=2", path)
    return command(facts, "df", "-h", path), command(facts, "df", "-i", path), f"{sizes} | sort -h | tail -20"
