"""Work that several probes need, done once a gathering: the installed distributions, the binaries' headers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from airworthy.probes.seam.host import Host

T = TypeVar("T")


class _Slot:
    """One result, or the error that took its place."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.done = False
        self.value: Any = None
        self.error: Exception | None = None


_shelves: WeakKeyDictionary[Host, dict[Hashable, _Slot]] = WeakKeyDictionary()


@contextmanager
def sharing(host: Host) -> Iterator[None]:
    """While this is open, what `shared` makes for the host is made once."""
    _shelves[host] = {}
    try:
        yield
    finally:
        _shelves.pop(host, None)


def shared(host: Host, make: Callable[[Host], T]) -> T:
    """The result of `make(host)`; made once where a gathering is under way, whichever thread asks first."""
    shelf = _shelves.get(host)
    if shelf is None:
        return make(host)
    slot = shelf.setdefault(make, _Slot())
    with slot.lock:
        if not slot.done:
            try:
                slot.value = make(host)
            except Exception as error:  # noqa: BLE001 - every caller gets it
                slot.error = error
            slot.done = True
    if slot.error is not None:
        raise slot.error
    return cast("T", slot.value)
