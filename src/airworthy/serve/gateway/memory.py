"""Giving memory back to the system after thousands of connections have gone.

The C library keeps what was freed between pieces that are still in use, in case that it is needed again. After a burst
that is most of what the burst took.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

BURST = 512
"""Connections that must have gone for it to be worth it; each took some kilobytes."""


class Returns:
    """Knows how many connections there were, and gives their memory back once most of them have gone."""

    def __init__(self, trim: Callable[[], object] | None = None) -> None:
        self._trim = trim or _trimmer()
        self._most = 0
        self._last = 0

    def look(self, connections: int) -> None:
        """So many connections are open now; asked again and again."""
        ebbs, self._last = connections < self._last, connections
        self._most = max(self._most, connections)
        if self._most - connections >= BURST and connections <= self._most // 2 and not ebbs:
            self._most = connections
            self._trim()


def _trimmer() -> Callable[[], object]:
    """`malloc_trim` of the GNU C library; elsewhere nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return (lambda: trim(0)) if trim is not None else (lambda: None)
