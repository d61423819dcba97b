"""Timing: a kernel is run at growing sizes while its time allows it, then often enough for a median."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

BATCH = 0.004
"""Seconds that a batch of runs takes at least where a single run is shorter: the clock and the launch cost little."""
MOST_IN_BATCH = 200
LEAST_REPEATS, MOST_REPEATS = 3, 15


@dataclass
class Case:
    """One kernel at one size."""

    run: Callable[[], Any]
    """Runs it once, and gives the result."""
    check: Callable[[Any], tuple[float, float]]
    """The largest error of a result in units of its bound, and the largest error."""
    flops: float
    """Arithmetic operations of a run."""
    bytes: float
    """Bytes that a run has to read and write at the least."""
    shape: str
    """The size, for people."""


def once(run: Callable[[], Any], settle: Callable[[], None]) -> float:
    """Seconds of one run, from an idle device to an idle device."""
    began = time.perf_counter()
    run()
    settle()
    return time.perf_counter() - began


def largest(sizes: Iterable[int], make: Callable[[int], Case], settle: Callable[[], None], seconds: float) -> Case:
    """The kernel at the largest size of which a run takes no more than its share of the time."""
    case: Case | None = None
    until = math.inf
    for size in sizes:
        try:
            bigger = make(size)
            once(bigger.run, settle)  # kernels are chosen, compiled and loaded on the first run
            took = once(bigger.run, settle)
        except (MemoryError, RuntimeError) as error:
            if case is None or not _memory(error):
                raise
            break  # no room for this size: the one before it will do
        growth = 1.0 if case is None else max(1.0, max(bigger.flops, bigger.bytes) / max(case.flops, case.bytes, 1.0))
        # What the first run of all loads is no measure of how long the others take.
        until = time.perf_counter() + seconds if case is None else until
        case = bigger
        if took * max(growth, 4.0) > seconds / 6 or time.perf_counter() > until:
            break
    if case is None:
        raise ValueError("no size was given")
    return case


def times(run: Callable[[], Any], settle: Callable[[], None], seconds: float) -> tuple[float, float]:
    """The median and the shortest time of a run, of as many batches as fit into so many seconds."""
    single = max(once(run, settle), 1e-7)
    count = min(MOST_IN_BATCH, max(1, int(BATCH / single)))
    until = time.perf_counter() + seconds
    taken: list[float] = []
    while len(taken) < MOST_REPEATS:
        began = time.perf_counter()
        for _ in range(count):
            run()
        settle()
        ended = time.perf_counter()
        taken.append((ended - began) / count)
        if ended > until and (len(taken) >= LEAST_REPEATS or single > seconds):
            break
    return statistics.median(taken), min(taken)


def _memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "memory" in text or "alloc" in text
