"""What the gateway does for its memory: the collector's portions, free lists, and giving back what a burst took."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

PORTION = 50_000
"""New objects after which the collector examines them. Under overload 10,000 of them came many times a second, and
looking took 7 % of the time."""
COLLECT_INTERVAL_S = 30.0
"""Seconds between two times that free lists are emptied."""
MIN_YOUNG_OBJECTS = 256
"""Objects more than before for which that isn't worth it."""
BURST = 512
"""Connections that must have gone for trimming to be worth it; each took some kilobytes."""


def tune_gc() -> None:
    """Set the garbage collector to keep what is here, and to examine new objects in larger portions.

    Requests leave no cycles behind; walking everything for each few hundred of them shows in the slowest answers.
    """
    gc.freeze()
    gc.set_threshold(PORTION, 20, 100)


class MemoryTrimmer:
    """Gives back, now and then, what is held without being used.

    Python keeps tuples that are done with for others of their size, up to 2,000 of each; one that was made from a
    generator comes from another list than it goes to, so that over an hour the lists fill. A full collection empties
    them, and takes a tenth of a millisecond while what was there at the start is out of its sight. The C library keeps
    what was freed between pieces that are still in use; after thousands of connections that is most of what they took.
    """

    def __init__(self, trim: Callable[[], object] | None = None, collect: Callable[[], object] = gc.collect) -> None:
        self._trim = trim or _trimmer()
        self._collect = collect
        self._next = 0.0
        self._most = 0
        self._last = 0

    def tick(self, connections: int, now: float) -> None:
        """So many connections are open now, on a clock of seconds; asked again and again."""
        if now >= self._next:
            if self._next and gc.get_count()[0] >= MIN_YOUNG_OBJECTS:
                self._collect()
            self._next = now + COLLECT_INTERVAL_S
        ebbs, self._last = connections < self._last, connections
        self._most = max(self._most, connections)
        if self._most - connections >= BURST and connections <= self._most // 2 and not ebbs:
            self._most = connections
            self._trim()


def _trimmer() -> Callable[[], object]:
    """`malloc_trim` of the GNU C library; elsewhere nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return (lambda: trim(0)) if trim is not None else (lambda: None)
