"""A limit on open files, processes or locked memory is reached.

## What happens

A service under load stops accepting connections with `Too many open files`; a program cannot start threads:
`Resource temporarily unavailable`; memory cannot be pinned for RDMA or `mlock`. Memory and disk have room.

## Why

Each process has limits (`ulimit -a`): open files, often 1024, and every connection, memory-mapped shard and shared
tensor is one; processes and threads of the user; memory it may lock. Thread pools of OpenBLAS and OpenMP take one
thread a core for every worker. A container's control group has a limit on processes besides, and systemd gives a
service limits of its own, which `/etc/security/limits.conf` does not change.

## How to end it

Raise the limit where the process is started: `LimitNOFILE=` in the unit, `--ulimit` for the container, `ulimit -n` in
the shell. For threads, start fewer: `OMP_NUM_THREADS=1` for each of many workers.

## How to prevent it

State the limits in the unit or compose file, and watch the number of open files of the service.

## Example

```
E0311 09:12:44.101633      95 tcp_server_posix.cc:213]    Failed accept4: Too many open files
```

## References

- https://man7.org/linux/man-pages/man2/getrlimit.2.html
- https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Process%20Properties
- https://docs.nvidia.com/deeplearning/nccl/archives/nccl_2143/user-guide/docs/troubleshooting.html#infiniband
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import CPU_CORES, LIMIT_FILES, LIMIT_FILES_HARD, LIMIT_LOCKED, LIMIT_PROCESSES, Key
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="file-limit",
    severity=Severity.WARNING,
    # The one that is read on every Linux; an unlimited one passes.
    needs=(LIMIT_FILES,),
    uses=(LIMIT_FILES_HARD, LIMIT_PROCESSES, LIMIT_LOCKED, CPU_CORES),
    message="{what} are limited to {limit}, and a service needs {wanted} or more",
    signatures=(
        Signature("Too many open files"),
        Signature("too many open files"),
        Signature("EMFILE", r"\bEMFILE\b"),
        Signature("received 0 items of ancdata"),
        Signature(
            "RLIMIT_NPROC",
            r"RLIMIT_NPROC (?P<limit>\d+) current",
            message="processes of this user are limited to {limit}",
        ),
        Signature("pthread_create failed", r"pthread_create failed.{0,80}Resource temporarily unavailable"),
        Signature("process count limits are big enough"),
        Signature("fork: ", r"fork: (?:retry: )?(?:\w+: )?Resource temporarily unavailable"),
        Signature("fork rejected by pids controller"),
        Signature("hread creation failed", r"[Tt]hread creation failed: Resource temporarily unavailable"),
        Signature("can't start new thread", weight=0.95),
        Signature("unable to create native thread", weight=0.95),
        Signature("Unable to allocate necessary resources for OMP thread", weight=0.95),
        Signature("System unable to allocate necessary resources for OMP thread", weight=0.95),
        Signature("Please set max locked memory (ulimit -l)"),
        Signature("Try increasing RLIMIT_M", r"Try increasing RLIMIT_MEM?LOCK"),
        Signature("failed to mlock", weight=0.95),
        Signature("RLIMIT_MEMLOCK", weight=0.9),
        Signature("Call to ibv_", r"Call to ibv_\w+ failed.{0,40}Cannot allocate memory"),
        Signature("ibv_reg_mr", r"ibv_reg_mr\w*(?:\(\))? failed", weight=0.85),
        Signature("System limit for number of file watchers reached"),
        Signature("inotify", r"inotify (?:watch(?:es)?|instances?) limit reached"),
        Signature("inotify_", r"inotify_(?:init|add_watch)\w*.{0,80}(?:failed|No space left|Too many open)"),
        Signature("upper limit on inotify watches"),
        Signature("what():", r"what\(\):\s+Resource temporarily unavailable", weight=0.9),
        Signature("[Errno 11] Resource temporarily unavailable", weight=0.8),
        Signature(
            "ResourceUnavailable", r"Resource temporarily unavailable.{0,40}(?:thread|fork|os error 11)", weight=0.8
        ),
        Signature("vm.max_map_count", weight=0.8),
    ),
    blind_spot="the limits of this process need not be those of the one that failed",
    related=("host-oom", "disk-full", "overload", "permission-denied"),
)

LEAST_FILES = 1024
"""What distributions give; below it even a small service runs out: shards, sockets, libraries."""
LEAST_PROCESSES = 512
"""Below it a few thread pools of one machine's cores are refused."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Only limits below what distributions give are reported; more is a matter of load."""
    files, processes = facts.value(LIMIT_FILES), facts.get_value(LIMIT_PROCESSES, None)
    if files < LEAST_FILES:
        yield _finding(facts, LIMIT_FILES, say("open files"), files, LEAST_FILES, "-n")
    wanted = max(LEAST_PROCESSES, 4 * facts.get_value(CPU_CORES, 0))
    if processes is not None and processes < wanted:
        yield _finding(facts, LIMIT_PROCESSES, say("processes and threads"), processes, wanted, "-u")


def _finding(facts: Facts, key: Key[int], what: str, limit: int, wanted: int, flag: str) -> Finding:
    return CAUSE.finding(facts, what, evidence=(key,), what=what, limit=limit, wanted=wanted, flag=flag)


_SETTINGS = {"-n": ("LimitNOFILE", "nofile", "65536"), "-u": ("LimitNPROC", "nproc", "16384")}


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The shell, the unit, the container; fewer threads."""
    flag = str(params.get("flag", "-n"))
    unit, container, value = _SETTINGS[flag]
    yield Remedy(
        why=say("Show the limits, and raise this one for what is started from this shell, as far as the hard limit."),
        commands=("ulimit -a", f"ulimit -S {flag} $(ulimit -H {flag})"),
        safe=True,
    )
    yield Remedy(
        why=say(
            "For a service of systemd write {unit}={value} into its unit; for a container give the flag.",
            unit=unit,
            value=value,
        ),
        commands=(f"docker run --ulimit {container}={value}:{value} IMAGE",),
        safe=True,
    )
    yield Remedy(
        why=say("Where threads are refused, let each worker start fewer of them."),
        commands=("export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1",),
        safe=True,
    )
