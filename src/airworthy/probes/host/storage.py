"""How fast a folder's storage is: read in order as a model is loaded, and random writes as caches and logs are made.

`fio` measures where it is installed. Else a file of our own is written and read past the system's cache, which not
every file system allows; then that is said.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import random
import tempfile
import time
from collections.abc import Iterator

from airworthy.core.facts import Known, Unknown
from airworthy.core.messages import say
from airworthy.core.values import StorageSpeed
from airworthy.probes.seam.host import Host, HostError

FILE = 256 << 20
"""Bytes of the file that is written, read, and removed again."""
SECONDS = 2.0
"""How long reading and writing are measured, each."""
BLOCK = 1 << 20
"""Bytes read at once."""
PAGE = 4096
"""Bytes written at once."""
_SPARE = 2 * FILE
_DIRECT: int = getattr(os, "O_DIRECT", 0)
_SYNC: int = getattr(os, "O_DSYNC", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)


def measure(host: Host, path: str, *, size: int = FILE, seconds: float = SECONDS) -> Known | Unknown:
    """The speed of the storage that holds a folder; unknown where a file can't be written there."""
    try:
        free = host.space(path).free
    except HostError as error:
        return Unknown(str(error))
    if free < _SPARE:
        reason = say(
            "{free:bytes} are free in {path}, and measuring takes {wanted:bytes}", free=free, path=path, wanted=_SPARE
        )
        return Unknown(reason)
    measured = _by_fio(host, path, size, seconds)
    if measured is not None:
        return Known(measured, say("fio in {path}", path=path))
    try:
        return Known(_by_us(path, size, seconds), say("a file of {size:bytes} in {path}", size=size, path=path))
    except OSError as error:
        return Unknown(say("{path}: {reason}", path=path, reason=error.strerror or error))


def _by_fio(host: Host, path: str, size: int, seconds: float) -> StorageSpeed | None:
    found = []
    with contextlib.suppress(HostError, ValueError, KeyError, IndexError, TypeError):
        for job in (("--rw=read", "--bs=1M"), ("--rw=randwrite", "--bs=4k", "--sync=1")):
            # One file for both, so that it is laid out once; it is removed after the second.
            ended = host.run(
                *("fio", "--name=airworthy", f"--filename={path}/.airworthy-fio", f"--size={size}", "--direct=1"),
                *("--ioengine=psync", f"--runtime={max(1, round(seconds))}", "--time_based", "--output-format=json"),
                *(*job, f"--unlink={int('--rw=read' not in job)}"),
                timeout=60 + 10 * seconds,
            )
            # fio writes notes before the JSON where the file system doesn't do what was asked.
            found.append(json.loads(ended.output[ended.output.index("{") :])["jobs"][0])
        read, writes = int(found[0]["read"]["bw_bytes"]), int(found[1]["write"]["iops"])
        if read > 0 and writes > 0:
            return StorageSpeed(path=path, read=read, writes=writes, by="fio")
    with contextlib.suppress(OSError):
        os.unlink(f"{path}/.airworthy-fio")  # noqa: PTH108 - what fio left where its second run failed
    return None


def _by_us(path: str, size: int, seconds: float) -> StorageSpeed:
    descriptor, name = tempfile.mkstemp(prefix=".airworthy-", dir=path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for _ in range(max(1, size // BLOCK)):
                file.write(os.urandom(PAGE) * (BLOCK // PAGE))
            file.flush()
            os.fsync(file.fileno())
        read, cached = _read(name, seconds)
        writes, cached_too = _write(name, size, seconds)
        return StorageSpeed(path=path, read=read, writes=writes, by="airworthy", cached=cached or cached_too)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - a name that may hold anything


@contextlib.contextmanager
def _past_the_cache(name: str, flags: int) -> Iterator[tuple[int, bool]]:
    try:
        descriptor, cached = os.open(name, flags | _DIRECT | _BINARY), not _DIRECT
    except OSError:  # the file system knows no direct access
        descriptor, cached = os.open(name, flags | _BINARY), True
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        yield descriptor, cached
    finally:
        os.close(descriptor)


def _read(name: str, seconds: float) -> tuple[int, bool]:
    # Direct access wants memory on a page's edge, which an anonymous map is.
    with mmap.mmap(-1, BLOCK) as buffer, _past_the_cache(name, os.O_RDONLY) as (descriptor, cached):
        total, started = 0, time.perf_counter()
        while True:
            count = _into(descriptor, buffer)
            total += count
            took = time.perf_counter() - started
            if took > seconds or (count < BLOCK and cached):
                return int(total / max(took, 1e-9)), cached
            if count < BLOCK:
                os.lseek(descriptor, 0, os.SEEK_SET)


def _into(descriptor: int, buffer: mmap.mmap) -> int:
    if hasattr(os, "readv"):
        return os.readv(descriptor, [buffer])
    data = os.read(descriptor, BLOCK)
    return len(data)


def _write(name: str, size: int, seconds: float) -> tuple[int, bool]:
    places = max(1, size // PAGE)
    chance = random.Random(0)  # noqa: S311 - where to write is no secret
    with mmap.mmap(-1, PAGE) as buffer, _past_the_cache(name, os.O_WRONLY | _SYNC) as (descriptor, cached):
        buffer.write(os.urandom(PAGE))
        count, started = 0, time.perf_counter()
        while (took := time.perf_counter() - started) < seconds:
            os.lseek(descriptor, chance.randrange(places) * PAGE, os.SEEK_SET)
            if hasattr(os, "writev"):
                os.writev(descriptor, [buffer])
            else:
                os.write(descriptor, buffer[:])
            if not _SYNC:
                os.fsync(descriptor)
            count += 1
        return int(count / took), cached
