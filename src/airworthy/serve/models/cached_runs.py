"""The cache of one model: which content its answers belong to, and who may be given them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from airworthy.core.model import ModelInfo
from airworthy.serve.cache.answers import AnswerCache, Store, key_of
from airworthy.serve.cache.fingerprint import content_digest, stamp_of
from airworthy.serve.scheduling.request_options import RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.tensors import Tensor

Run = Callable[[InferenceRequest, RequestOptions], "asyncio.Future[tuple[Tensor, ...]]"]
"""Puts a request into the queue of the model."""


class CachedRuns:
    """Answers from memory or from a shared store where they are kept, and runs the model where they are not.

    What a file holds decides what it answers: a model that is loaded again forgets what it answered before.
    """

    def __init__(self, model: ModelInfo, engine: str, version: str, cache: AnswerCache, store: Store | None) -> None:
        """Keep answers of a model.

        Args:
            model: the model.
            engine: the engine's name.
            version: the model's version.
            cache: keeps them in memory.
            store: keeps them beyond this process.
        """
        self._model = model
        self._engine = engine
        self._version = version
        self._cache = cache
        self._store = store
        self._loads = 1
        self._digest = ""
        self._stamp: tuple[object, ...] = self.stamp()

    def stamp(self) -> tuple[object, ...]:
        """What changes when the model's files do; taken before they are read."""
        return stamp_of(self._model) if self._store is not None else ()

    def reloaded(self, stamp: tuple[object, ...]) -> None:
        """Forget everything: the model was loaded again.

        Args:
            stamp: what `stamp` gave before the load.
        """
        self._loads += 1  # runs of the old one that are under way are kept under a key that no request has
        self._cache.clear()
        self._digest, self._stamp = "", stamp

    async def name_content(self) -> None:
        """Take the digest of what was loaded; without one nothing goes to the store, nor comes from it."""
        if self._store is None or not self._stamp:
            return
        try:
            digest = await asyncio.get_running_loop().run_in_executor(None, content_digest, self._model, self._engine)
        except OSError:
            return
        # A file that was replaced since the load began would name what the workers don't have.
        if self._stamp == stamp_of(self._model):
            self._digest = digest

    def keys(self, requests: Sequence[InferenceRequest], options: RequestOptions) -> list[bytes]:
        """The keys of requests."""
        content = self._digest or f"{self._model.path}:{self._version}:{self._loads}"
        return [key_of(content, request.wanted, request.tensors, options.tenant) for request in requests]

    def needs_run(self, key: bytes) -> bool:
        """Whether neither memory nor a run under way has the answer; the store may have it."""
        return self._cache.needs_run(key)

    def ask(
        self, key: bytes, request: InferenceRequest, options: RequestOptions, run: Run
    ) -> asyncio.Future[tuple[Tensor, ...]]:
        """The answer to a request.

        Args:
            key: the request's key.
            request: the request.
            options: its options.
            run: runs the model.
        """
        store = self._store if self._digest else None
        # The run may become other clients' as well, so it does not end with this one.
        shared = options._replace(watch=None)
        return self._cache.ask(key, lambda: run(request, shared), options.watch, store)
