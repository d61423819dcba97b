"""What a process has taken of memory so far, for the programs beside this file; no library but Python's own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path


def memory() -> dict[str, float]:
    """Resident memory in MiB: `peak`, `resident`, `anonymous` and `file`."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    names = {"peak": "VmHWM", "resident": "VmRSS", "anonymous": "RssAnon", "file": "RssFile"}
    return {name: int(fields[field].split()[0]) / 1024 for name, field in names.items()}


def fastest(run: Callable[[], object], times: int = 5) -> float:
    """Seconds of the median of some runs, the first one left out."""
    run()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]


def report(**values: object) -> None:
    """The result, as one line of JSON on standard output."""
    print("RESULT " + json.dumps(values), flush=True)
