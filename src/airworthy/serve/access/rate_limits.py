"""How much each caller may ask: requests a second, bytes a second, requests at a time.

The generic cell rate algorithm: of each caller only the time is kept at which what it was given is paid off. Plain
arithmetic without a clock, on one event loop.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from airworthy.core.settings import ServeSettings

MOST_CALLERS = 10_000
"""Callers that are remembered; the one that asked least recently is forgotten first, and begins anew."""
_IPV6_BLOCK = 4
"""Groups of an IPv6 address that name a caller: a host with one address of a /64 has all of them."""


class RateLimit:
    """One rate for each of many callers."""

    def __init__(self, rate: float, burst: float, most: int = MOST_CALLERS) -> None:
        """No caller has sent a request yet.

        Args:
            rate: units a second.
            burst: units that may come at once after a pause.
            most: callers that are remembered.
        """
        self._cost = 1 / rate
        self._slack = burst / rate
        self._most = most
        self._paid_off: OrderedDict[str, float] = OrderedDict()

    def time_until(self, caller: str, now: float, units: float = 1.0) -> float:
        """Seconds until so many units are within the rate; 0 where they are now. Nothing is taken.

        More units than a burst are within it once nothing else is owed.
        """
        owed = self._paid_off.get(caller, now) - now
        return max(0.0, owed + min(units * self._cost, self._slack) - self._slack)

    def take(self, caller: str, now: float, units: float = 1.0) -> None:
        """Charge units, whether they are within the rate or not: what is owed delays what comes next."""
        self._paid_off[caller] = max(now, self._paid_off.get(caller, now)) + units * self._cost
        self._paid_off.move_to_end(caller)
        if len(self._paid_off) > self._most:
            self._paid_off.popitem(last=False)

    def __len__(self) -> int:
        """Callers that are remembered."""
        return len(self._paid_off)


class RateLimits:
    """The settings' limits for each caller."""

    def __init__(self, settings: ServeSettings) -> None:
        self._most_running = settings.callers.requests
        self._running: dict[str, int] = {}
        rate, burst = settings.callers.rate, settings.callers.burst
        self._requests = RateLimit(rate, max(1.0, burst or rate)) if rate else None
        bytes_ = settings.callers.bytes
        self._bytes = RateLimit(bytes_, bytes_) if bytes_ else None

    @property
    def on(self) -> bool:
        """Whether anything is limited."""
        return bool(self._most_running) or self._requests is not None or self._bytes is not None

    def try_acquire(self, caller: str, now: float, size: int = 0) -> float:
        """Seconds until the caller may ask again; 0 to let the request in, which is charged then.

        Args:
            caller: who asks, from `name_of`.
            now: the time on a monotonic clock.
            size: bytes of the body, as far as they are known.
        """
        wait = self._requests.time_until(caller, now) if self._requests is not None else 0.0
        if self._bytes is not None:
            wait = max(wait, self._bytes.time_until(caller, now, size))
        if wait > 0:
            return wait
        if self._requests is not None:
            self._requests.take(caller, now)
        if self._bytes is not None and size:
            self._bytes.take(caller, now, size)
        return 0.0

    def charge(self, caller: str, now: float, size: int) -> None:
        """Charge bytes whose number was not known before."""
        if self._bytes is not None and size:
            self._bytes.take(caller, now, size)

    def enter(self, caller: str) -> bool:
        """Let one more request run; False where the caller has as many as it may."""
        if not self._most_running:
            return True
        running = self._running.get(caller, 0)
        if running >= self._most_running:
            return False
        self._running[caller] = running + 1
        return True

    def leave(self, caller: str) -> None:
        """A request that was let run has ended."""
        if not self._most_running:
            return
        running = self._running[caller] - 1
        if running:
            self._running[caller] = running
        else:
            del self._running[caller]

    @property
    def remembered(self) -> int:
        """Callers of which anything is kept."""
        kept = (self._running, self._requests, self._bytes)
        return max(len(each) for each in kept if each is not None)


def name_of(address: str, named: bytes | str | None) -> str:
    """Who asks, as a name of bounded length that holds no secret.

    Args:
        address: the IP address that the connection comes from.
        named: the value of the header that names the caller, where there is one.
    """
    if named:
        value = named.encode() if isinstance(named, str) else named
        return "=" + hashlib.sha256(value).hexdigest()
    if address.count(":") > 1 and "." not in address:
        return _block(address.partition("%")[0])
    return address


def _block(address: str) -> str:
    """The /64 of an IPv6 address, as its first groups."""
    before, _, after = address.partition("::")
    groups = before.split(":") if before else []
    behind = after.split(":") if after else []
    whole = [*groups, *["0"] * (8 - len(groups) - len(behind)), *behind]
    return ":".join(whole[:_IPV6_BLOCK])
