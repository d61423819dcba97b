"""Answers that were given before, and one run for all who ask the same at the same time.

The key is a SHA-256 over the tenant, the release, the wanted outputs and the inputs' types, shapes and bytes, so that
nothing can be read from it and nothing collides. What was refused is not kept. Beside the memory of this process there
may be a store that others share.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from airworthy.serve import errors
from airworthy.serve.scheduling.request_options import OnDisconnect
from airworthy.serve.tensors import Tensor

Outputs = tuple[Tensor, ...]
Counter = Callable[[str], None]

OVERHEAD = 400
"""Bytes that an entry costs beside its tensors' data."""


class Store(Protocol):
    """Keeps answers beyond this process, and never fails."""

    async def get(self, key: bytes) -> Outputs | None:
        """A kept answer, soon, or None."""

    def put(self, key: bytes, answer: Outputs) -> None:
        """Keep an answer."""


def key_of(release: str, wanted: Sequence[str], tensors: Sequence[Tensor], tenant: str = "") -> bytes:
    """The key of a request."""
    digest = hashlib.sha256()
    for part in (tenant, release, *wanted):
        digest.update(len(part).to_bytes(4, "little"))
        digest.update(part.encode())
    for meta, data in tensors:
        digest.update(repr((meta.name, meta.datatype, meta.shape, meta.size)).encode())
        digest.update(data)
    return digest.digest()


class AnswerCache:
    """Answers by key, the least recently used dropped first.

    It lives on one event loop.
    """

    def __init__(self, limit: int, ttl: float, count: Counter) -> None:
        """Make an empty one.

        Args:
            limit: bytes that it may hold.
            ttl: seconds that an answer is good for.
            count: called with `hit`, `miss` or `joined` for each request.
        """
        self._limit = limit
        self._ttl = ttl
        self._count = count
        self._entries: OrderedDict[bytes, tuple[float, int, Outputs]] = OrderedDict()
        self._shared_runs: dict[bytes, SharedRun] = {}
        self.size = 0
        """Bytes that it holds."""

    def ask(
        self,
        key: bytes,
        run: Callable[[], asyncio.Future[Outputs]],
        watch: OnDisconnect | None,
        store: Store | None = None,
    ) -> asyncio.Future[Outputs]:
        """The answer to a request: one that is kept, that of a run under way, or that of a new run.

        Args:
            key: what `key_of` made of the request.
            run: starts the run; its future is cancelled when no client waits for it any more.
            watch: says when this client leaves.
            store: where else the answer may be kept.

        Returns:
            A future of this caller's own: cancelling it takes no other client's answer away.
        """
        loop = asyncio.get_running_loop()
        own: asyncio.Future[Outputs] = loop.create_future()
        kept = self._get(key, loop.time())
        if kept is not None:
            self._count("hit")
            own.set_result(kept)
            return own
        shared = self._shared_runs.get(key)
        if shared is not None:
            self._count("joined")
        else:
            if store is None:
                self._count("miss")
                future = run()
            else:
                future = asyncio.ensure_future(self._through(key, run, store))
            shared = self._shared_runs[key] = SharedRun(future)
            shared.future.add_done_callback(lambda done: self._land(key, done))
        shared.join(own, watch)
        return own

    def needs_run(self, key: bytes) -> bool:
        """Whether a request must run, as far as this process knows: no answer is kept, and no run is under way."""
        if key in self._shared_runs:
            return False
        entry = self._entries.get(key)
        return entry is None or asyncio.get_running_loop().time() >= entry[0]

    def clear(self) -> None:
        """Drop what is kept; runs under way end as they are."""
        self._entries.clear()
        self.size = 0

    async def _through(self, key: bytes, run: Callable[[], asyncio.Future[Outputs]], store: Store) -> Outputs:
        """The answer that the store has, or that of a run."""
        kept = await store.get(key)
        if kept is not None:
            self._count("hit")
            return kept
        self._count("miss")
        answer = await run()
        store.put(key, answer)
        return answer

    def _get(self, key: bytes, now: float) -> Outputs | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        until, size, answer = entry
        if now >= until:
            del self._entries[key]
            self.size -= size
            return None
        self._entries.move_to_end(key)
        return answer

    def _land(self, key: bytes, done: asyncio.Future[Outputs]) -> None:
        shared = self._shared_runs.pop(key)
        if not done.cancelled() and done.exception() is None:
            self._put(key, done.result())
        shared.land()

    def _put(self, key: bytes, answer: Outputs) -> None:
        # The data may be a view of a whole batch, which must not be kept alive by one row of it.
        own = tuple(Tensor(meta, bytes(data)) for meta, data in answer)
        size = OVERHEAD + sum(tensor.meta.size for tensor in own)
        if size > self._limit:
            return
        self._entries[key] = (asyncio.get_running_loop().time() + self._ttl, size, own)
        self.size += size
        while self.size > self._limit:
            _, (_, dropped, _) = self._entries.popitem(last=False)
            self.size -= dropped


class SharedRun:
    """One run, and all who wait for it."""

    def __init__(self, future: asyncio.Future[Outputs]) -> None:
        self.future = future
        self._callers: set[asyncio.Future[Outputs]] = set()

    def join(self, own: asyncio.Future[Outputs], watch: OnDisconnect | None) -> None:
        """Wait as well."""
        self._callers.add(own)
        own.add_done_callback(self._leave)
        if watch is not None:
            watch(partial(_gone, own))

    def land(self) -> None:
        """Give everyone who still waits the run's end."""
        for own in tuple(self._callers):
            if own.done():
                continue
            if self.future.cancelled():
                own.cancel()
            elif (error := self.future.exception()) is not None:
                own.set_exception(error)
            else:
                own.set_result(self.future.result())

    def _leave(self, own: asyncio.Future[Outputs]) -> None:
        self._callers.discard(own)
        if not self._callers and not self.future.done():
            self.future.cancel()


def _gone(own: asyncio.Future[Outputs]) -> None:
    if not own.done():
        own.set_exception(errors.ClientGone())
