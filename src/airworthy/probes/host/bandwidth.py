"""How fast the processor reads and writes main memory with all cores that this process may use."""

from __future__ import annotations

import ctypes
import threading
import time

BLOCK = 64 << 20
"""Bytes that each thread copies at once: far more than its share of any cache."""
SECONDS = 1.0
"""How long it is measured."""


def measure(threads: int, *, block: int = BLOCK, seconds: float = SECONDS) -> float:
    """Bytes a second that are read and written, together, by so many threads that copy blocks of memory."""
    counts = [0] * max(1, threads)
    start = threading.Barrier(len(counts) + 1)
    ends = [0.0]

    def copy(index: int) -> None:
        source, target = ctypes.create_string_buffer(block), ctypes.create_string_buffer(block)
        ctypes.memset(source, 1, block)
        ctypes.memset(target, 2, block)
        start.wait(timeout=60)
        while time.perf_counter() < ends[0]:
            # ctypes gives the interpreter's lock up while it calls, so the threads copy at the same time.
            ctypes.memmove(target, source, block)
            counts[index] += 1

    workers = [threading.Thread(target=copy, args=(index,), daemon=True) for index in range(len(counts))]
    for each in workers:
        each.start()
    began = time.perf_counter()
    ends[0] = began + 60  # until the last buffer is filled
    start.wait(timeout=60)
    began = time.perf_counter()
    ends[0] = began + seconds
    for each in workers:
        each.join(timeout=seconds + 60)
    took = time.perf_counter() - began
    return 2.0 * block * sum(counts) / took
