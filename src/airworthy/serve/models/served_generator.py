"""A language model that is being served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.engines.generation import GenerationRequest, GeneratorInfo
from airworthy.engines.interface import RunnerOptions
from airworthy.serve import errors
from airworthy.serve.metrics.generation import GenerationMetrics, GeneratorMetrics
from airworthy.serve.metrics.statistics import ModelStatistics
from airworthy.serve.models.events import ModelEvents
from airworthy.serve.models.joining import Joining
from airworthy.serve.models.runtimes import Runtimes
from airworthy.serve.models.version import VERSION
from airworthy.serve.scheduling.request_options import RequestOptions
from airworthy.serve.scheduling.stream_dispatcher import StreamDispatcher
from airworthy.serve.scheduling.streams import GenerationStream
from airworthy.serve.workers.supervisor import MakeLink
from airworthy.serve.workers.wire import Load, Ready

GenerationTap = Callable[[GenerationRequest, GenerationStream], None]
"""Is given a request and its answer."""


class ServedGenerator:
    """Takes requests for text, whatever their dialect."""

    inputs: tuple[TensorSpec, ...] = ()
    """It takes no tensors."""
    outputs: tuple[TensorSpec, ...] = ()
    """It gives none."""
    joining = Joining(
        why_rows=say("it takes no rows; its engine batches requests itself"), why_repeats=say("its answers are drawn")
    )
    """How requests may share a run of ours: not at all."""

    def __init__(
        self,
        model: ModelInfo,
        engine: str,
        options: RunnerOptions,
        settings: ServeSettings,
        make_link: MakeLink,
        metrics: GenerationMetrics,
        version: str = VERSION,
    ) -> None:
        self.model = model
        self.name = model.name
        self.version = version
        """Its version: that of its release, else the one of all models."""
        self.engine = engine
        self._events = ModelEvents(model.name, engine, version)
        self._settings = settings
        self._metrics = GeneratorMetrics(metrics, model.name, version)
        load = Load(engine, model, options, version=version)
        self._runtimes = Runtimes(lambda: StreamDispatcher(load, settings, make_link, self._metrics))
        self._changing = asyncio.Lock()
        self.unloaded = False
        """Whether it was taken out of service by an administrator, until it is loaded again."""
        self.tap: GenerationTap | None = None
        """Is given each request of a client, with its answer; None for nothing."""
        self.watch()

    # --- life -------------------------------------------------------------------------------------------------------

    @property
    def dispatcher(self) -> StreamDispatcher:
        """What takes its requests now."""
        return self._runtimes.current

    def start(self) -> None:
        """Start its workers."""
        self.dispatcher.start()

    async def drain(self, timeout: float) -> None:
        """Admit nothing more, and wait for the answers under way."""
        await self.dispatcher.drain(timeout)

    @property
    def words(self) -> str:
        """The last that its workers printed."""
        return self.dispatcher.pool.words

    async def loaded(self, keep: Any = None) -> Ready:
        """Wait for the first worker.

        Raises:
            AirworthyError: the model does not load.
        """
        ready = await self.dispatcher.pool.loaded()
        self._events.log("model_ready", seconds=ready.seconds)
        return ready

    @property
    def ready(self) -> bool:
        """Whether it takes requests now."""
        return not self.unloaded and self.dispatcher.is_ready

    @property
    def state(self) -> str:
        """Its state in one word."""
        return say("unloaded") if self.unloaded else self.dispatcher.state

    @property
    def waiting(self) -> int:
        """Requests in its queue."""
        return self.dispatcher.waiting

    def statistics(self) -> ModelStatistics:
        """What it has done so far."""
        return self._metrics.model.statistics(self.version)

    def watch(self) -> None:
        """Let the gauges of its name show its queue."""
        self._metrics.model.watch(lambda: self.dispatcher.waiting, lambda: self.dispatcher.running)

    def describe(self) -> dict[str, Any]:
        """Its state as plain JSON data, for the health page."""
        more = {"signer": self.model.signer, "version": self.version}
        return {**self.dispatcher.describe(), "state": self.state, **more}

    async def load(self) -> None:
        """Load it, or load its file again: a new worker takes over once it is ready, the old one finishes its answers.

        Raises:
            LoadRefused: it does not load; what served before goes on serving.
        """
        async with self._changing:
            began = time.monotonic()
            self._events.log("model_load", replaces=self.state)
            try:
                new, _ = await self._runtimes.start_next(lambda dispatcher: dispatcher.pool.loaded())
            except AirworthyError as error:
                self._events.load_refused(error.text, time.monotonic() - began)
                raise errors.LoadRefused(detail=error.text, way_out=error.way_out) from None
            old = self._runtimes.switch(new)
            self.unloaded = False
            self._events.log("model_reloaded", seconds=time.monotonic() - began)
            await self._runtimes.retire(old, self._settings.drain)

    async def unload(self) -> None:
        """Take it out of service: answers under way are finished, its workers end."""
        async with self._changing:
            if not self.unloaded:
                began, self.unloaded = time.monotonic(), True
                await self._runtimes.retire(self.dispatcher, self._settings.drain)
                self._events.log("model_unloaded", seconds=time.monotonic() - began)

    async def stop(self, timeout: float) -> None:
        """End all its workers."""
        await self._runtimes.stop(timeout)

    def close(self) -> None:
        """Release what it holds beside its workers: nothing."""

    # --- requests ---------------------------------------------------------------------------------------------------

    def known_info(self) -> GeneratorInfo:
        """What the loaded model can do.

        Raises:
            NotReady: it is not loaded.
        """
        info = self.dispatcher.info
        if self.unloaded or info is None:
            raise errors.NotReady(name=self.name, state=self.state)
        return info

    def generate(self, request: GenerationRequest, options: RequestOptions) -> GenerationStream:
        """Admit a request.

        Raises:
            NotReady: the model is unloaded, or no worker is there.
            Overloaded: too much waits already.
        """
        self.known_info()
        stream = self.dispatcher.submit(request, options)
        if self.tap is not None:
            self.tap(request, stream)
        return stream

    async def count(self, request: GenerationRequest) -> int:
        """Tokens of a request's prompt.

        Raises:
            RequestError: no worker answers.
        """
        self.known_info()
        return await self.dispatcher.count(request)

    async def tokenize(self, text: str) -> Sequence[int]:
        """The tokens of a text.

        Raises:
            RequestError: no worker answers.
        """
        self.known_info()
        return await self.dispatcher.tokenize(text)
