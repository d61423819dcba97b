"""How much of requests' bodies is held at the same time, in all.

Each body has a bound of its own, and so has the queue; thousands of clients that send large ones at the same time would
still need more memory than there is. Bodies that came in one piece are small, and are not counted.
"""

from __future__ import annotations

from airworthy.serve import errors

RETRY_AFTER = 1.0
"""Seconds after which a client may try again that found no room for its body."""


class BodyBudget:
    """Counts the bytes of large bodies."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0
        """Bytes that are held or expected."""

    def take(self, size: int) -> int:
        """Make room for so many bytes more, and give the number back.

        Raises:
            BodiesFull: there is no room.
        """
        if self.held + size > self._most:
            raise errors.BodiesFull(most=self._most, retry_after=RETRY_AFTER)
        self.held += size
        return size

    def release(self, size: int) -> None:
        """So many bytes are needed no more."""
        self.held -= size
