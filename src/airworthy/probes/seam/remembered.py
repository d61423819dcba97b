"""What was read out of a file before, kept between runs for as long as the file is the same.

Reading the headers of every library of an environment takes longer than everything else that a check does; a file of
the same path, size, inode and times has the same headers. What is kept lies under the user's cache directory, one file
an environment. It is a convenience and never an authority: one that is damaged, of another version, another user's, or
cannot be written is as good as none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from airworthy import __version__
from airworthy.probes.seam.host import Host, HostError, Stamp

T = TypeVar("T")

FORMAT = f"airworthy {__version__} 1"
"""What a file begins with; another's is not read. The number counts up when what is kept changes."""
LARGEST = 32 * 1024 * 1024
"""Bytes of a file at the most; one that would be larger is not written, nor is a larger one read."""
SETTLED = 2.0
"""Seconds for which a file must have lain unchanged: within one tick of its clock it could change unseen."""

_Row = tuple[Stamp, bytes]


class _Document(msgspec.Struct, array_like=True):
    """The file."""

    format: str
    kept: dict[str, dict[str, _Row]]


class FactStorage(NamedTuple):
    """Where what is kept comes from and goes to. Neither call raises."""

    load: Callable[[], bytes]
    """The bytes that were saved last; none where there are none."""
    save: Callable[[bytes], None]
    """Puts bytes in their place, whole or not at all."""


class Memory:
    """What is kept of one environment. Only what was requested in this run is saved, so that it does not grow."""

    def __init__(self, storage: FactStorage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._before = _parse(storage.load())
        self._asked: dict[str, dict[str, _Row]] = {}
        self._changed = False

    def recall(self, kind: str, path: str, stamp: Stamp) -> bytes | None:
        """What was kept of the file as it is now; None where nothing was, or the file is another by now."""
        row = self._before.get(kind, {}).get(path)
        if row is None or row[0] != stamp:
            return None
        with self._lock:
            self._asked.setdefault(kind, {})[path] = row
        return row[1]

    def keep(self, kind: str, path: str, stamp: Stamp, value: bytes) -> None:
        """Keep what was read of a file; not of one that changed just now."""
        if max(stamp.modified, stamp.changed) > (time.time() - SETTLED) * 1e9:
            return
        with self._lock:
            self._asked.setdefault(kind, {})[path] = (stamp, value)
            self._changed = True

    def save(self) -> None:
        """Save it where anything is new."""
        with self._lock:
            if not self._changed:
                return
            data = msgspec.msgpack.encode(_Document(FORMAT, self._asked))
        if len(data) <= LARGEST:
            self._storage.save(data)


def _parse(data: bytes) -> dict[str, dict[str, _Row]]:
    try:
        document = msgspec.msgpack.decode(data, type=_Document) if 0 < len(data) <= LARGEST else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document.kept if document is not None and document.format == FORMAT else {}


_memories: WeakKeyDictionary[Host, Memory] = WeakKeyDictionary()


@contextmanager
def remembering(host: Host, storage: FactStorage) -> Iterator[None]:
    """While this is open, `remembered` keeps what it makes for the host; saved at the end."""
    memory = _memories[host] = Memory(storage)
    try:
        yield
        memory.save()
    finally:
        _memories.pop(host, None)


def remembered(host: Host, kind: str, path: str, of: type[T], make: Callable[[], T]) -> T:
    """What `make` reads out of the file at `path`, or what it read before where the file is still the same.

    Args:
        host: the machine.
        kind: what is read, `elf`; one path may be read in several ways.
        path: the file; nothing else may decide what `make` gives.
        of: the type of the result.
        make: reads it. What it raises is raised, and not kept.
    """
    memory = _memories.get(host)
    if memory is None:
        return make()
    try:
        stamp = host.stamp(path)
    except HostError:
        return make()
    kept = memory.recall(kind, path, stamp)
    if kept is not None:
        try:
            return msgspec.msgpack.decode(kept, type=of)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
    value = make()
    memory.keep(kind, path, stamp, msgspec.msgpack.encode(value))
    return value
