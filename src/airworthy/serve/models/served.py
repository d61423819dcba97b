"""One model as the gateway sees it: its name, what it takes and gives, and the way in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.engines.interface import RunnerOptions
from airworthy.serve import errors
from airworthy.serve.cache.answers import AnswerCache, Store
from airworthy.serve.metrics.metrics import Metrics, ModelMetrics
from airworthy.serve.metrics.statistics import ModelStatistics
from airworthy.serve.models.cached_runs import CachedRuns
from airworthy.serve.models.events import ModelEvents
from airworthy.serve.models.input_validator import InputValidator
from airworthy.serve.models.intake import Intake, Outputs
from airworthy.serve.models.joining import Joining, JoiningRules, TrialStore
from airworthy.serve.models.runtimes import Runtimes
from airworthy.serve.models.text_inputs import (
    TEXT_TASKS,
    TokenIds,
    load_codec,
    padded_texts,
    padding_of,
    row_output,
    token_request,
)
from airworthy.serve.models.tokenizer import TextCodec
from airworthy.serve.models.tuning import DEFAULT_BATCH_TOKENS, KeepProfile, ModelTuning
from airworthy.serve.models.version import VERSION
from airworthy.serve.scheduling.admission import ANY_REQUEST, Demand
from airworthy.serve.scheduling.capacity import QueueFull
from airworthy.serve.scheduling.model_runtime import ModelRuntime
from airworthy.serve.scheduling.request_options import USUAL, Priority, RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.scheduling.scheduler import Limits
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.tensors import Tensor
from airworthy.serve.workers.supervisor import MakeLink
from airworthy.serve.workers.wire import Load, Ready

Tap = Callable[[InferenceRequest, "asyncio.Future[Outputs]"], None]
"""Is given a request and the future of its outputs."""
UNSEEN = RequestOptions(priority=Priority.LOW)
"""Options of a request that no client sent."""


class ServedModel:
    """A model that is being served."""

    def __init__(
        self,
        model: ModelInfo,
        engine: str,
        options: RunnerOptions,
        settings: ServeSettings,
        make_link: MakeLink,
        metrics: Metrics,
        profile: Profile | None = None,
        store: Store | None = None,
        trial_store: TrialStore | None = None,
        version: str = VERSION,
    ) -> None:
        self.model = model
        self.name = model.name
        self.version = version
        """Its version: that of its release, else the one of all models."""
        self.engine = engine
        self._events = ModelEvents(model.name, engine, version)
        self._settings = settings
        self._metrics = ModelMetrics(metrics, model.name, version)
        self.joining = Joining()
        """How its requests may share a run; not at all before that is decided."""
        self.codec: TextCodec | None = load_codec(model) if model.task in TEXT_TASKS else None
        self.embedding: TensorSpec | None = row_output(model.outputs) if model.task == "embedding" else None
        self.score: TensorSpec | None = row_output(model.outputs) if model.task == "rerank" else None
        self.classes: TensorSpec | None = row_output(model.outputs) if model.task == "classification" else None
        padding = padding_of(model, self.codec) if self.codec is not None else {}
        self._take_interface(model.inputs, model.outputs)
        output = self.row
        texts = padded_texts(model, self.codec, output) if self.codec is not None and output is not None else None
        limits = Limits(
            rows=1, tokens=settings.batching.max_tokens or DEFAULT_BATCH_TOKENS, wait=settings.batching.max_wait
        )
        is_text = self.codec is not None
        self._tuning = ModelTuning(settings, limits, profile, is_text=is_text, longest=model.max_length)
        load = Load(engine, model, options, texts, version)

        def make() -> ModelRuntime:
            limits = self._tuning.limits
            return ModelRuntime(load, settings, make_link, self._metrics, limits, padding, self._report_shorter)

        self._runtimes = Runtimes(make)
        self._changing = asyncio.Lock()
        self.unloaded = False
        """Whether it was taken out of service by an administrator, until it is loaded again."""
        self._cached: CachedRuns | None = None
        keeps = bool(settings.cache.bytes) or store is not None
        self._rules = JoiningRules(model, engine, options, settings, texts, trial_store, caches=keeps)
        if keeps:
            cache = AnswerCache(settings.cache.bytes, settings.cache.ttl, self._metrics.asked)
            self._cached = CachedRuns(model, engine, version, cache, store)
        self._intake = Intake(self._runtimes, self.require)
        self.on_shorter: Callable[[], None] | None = None
        """Called when its queue has become shorter."""
        self.parked: Callable[[], int] = int
        """How many requests wait unparsed."""
        self.tap: Tap | None = None
        """Is given each request of a client, with the future of its outputs; None for nothing."""
        self.watch()

    def _take_interface(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self._validator = InputValidator(inputs, allow_nonfinite=self._settings.allow_nonfinite)

    def _report_shorter(self) -> None:
        if self.on_shorter is not None:
            self.on_shorter()

    @property
    def row(self) -> TensorSpec | None:
        """The output from which texts are served: one row of numbers each; None where it takes no texts."""
        return self.embedding or self.score or self.classes

    @property
    def runtime(self) -> ModelRuntime:
        """What runs its requests; another one after each load."""
        return self._runtimes.current

    # --- state ----------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Requests in its queue."""
        return self.runtime.waiting

    @property
    def ready(self) -> bool:
        """Whether it takes requests now."""
        return not self.unloaded and self.runtime.ready

    @property
    def state(self) -> str:
        """Its state in one word."""
        return say("unloaded") if self.unloaded else self.runtime.state

    def statistics(self) -> ModelStatistics:
        """What it has done so far."""
        return self._metrics.statistics(self.version)

    def watch(self) -> None:
        """Let the gauges of its name show its queue."""
        self._metrics.watch(lambda: self.waiting + self.parked(), lambda: self.runtime.running)

    def describe(self) -> dict[str, Any]:
        """Its state as plain JSON data, for the health page."""
        more = {"batches_rows": self.joining.text, "version": self.version}
        return {**self.runtime.describe(), "state": self.state, "signer": self.model.signer, **more}

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start its workers."""
        self.runtime.start()

    async def drain(self, timeout: float) -> None:
        """Admit nothing more, and wait for the requests inside."""
        await self.runtime.drain(timeout)

    @property
    def words(self) -> str:
        """The last that its workers printed."""
        return self.runtime.pool.words

    async def loaded(self, keep: KeepProfile | None = None) -> Ready:
        """Wait for the first worker, whose own word about inputs and outputs counts from then on.

        Args:
            keep: keeps what tuning finds, which runs where it is not known yet how the model runs best; blocking.
        """
        ready, joining = await self._rules.decide(self.runtime)
        self._join(self.runtime, joining)
        self._take_interface(ready.inputs, ready.outputs)
        if self._cached is not None:
            await self._cached.name_content()
        if not self._tuning.apply(self.runtime) and keep is not None and joining.rows:
            self._tuning.start(self.runtime, ready, keep)
        self._events.log("model_ready", seconds=ready.seconds)
        return ready

    def _join(self, runtime: ModelRuntime, joining: Joining) -> None:
        """Follow a decision on how requests may share a run."""
        self.joining = joining
        self._intake.cached = self._cached if joining.repeats else None
        self._tuning.join(runtime, rows=joining.rows, padding=joining.padding)

    async def load(self) -> None:
        """Load it, or load its file again: new workers take over once they are ready, the old ones finish their work.

        Raises:
            LoadRefused: it does not load; what served before goes on serving.
        """
        async with self._changing:
            began = time.monotonic()
            self._events.log("model_load", replaces=self.state)
            stamp = self._cached.stamp() if self._cached is not None else ()
            try:
                runtime, (ready, joining) = await self._runtimes.start_next(self._rules.decide)
            except AirworthyError as error:
                self._events.load_refused(error.text, time.monotonic() - began)
                raise errors.LoadRefused(detail=error.text, way_out=error.way_out) from None
            before = self._runtimes.switch(runtime)
            self._join(runtime, joining)
            self._take_interface(ready.inputs, ready.outputs)
            self._tuning.apply(runtime)
            if self._cached is not None:
                self._cached.reloaded(stamp)
                await self._cached.name_content()
            self.unloaded = False
            self._events.log("model_reloaded", seconds=time.monotonic() - began)
            await self._runtimes.retire(before, self._settings.drain)

    async def unload(self) -> None:
        """Take it out of service: requests inside get their outputs, its workers end."""
        async with self._changing:
            if not self.unloaded:
                began, self.unloaded = time.monotonic(), True
                await self._runtimes.retire(self.runtime, self._settings.drain)
                self._events.log("model_unloaded", seconds=time.monotonic() - began)

    async def stop(self, timeout: float) -> None:
        """End all its workers, whatever they do."""
        self._tuning.stop()
        await self._runtimes.stop(timeout)

    def close(self) -> None:
        """Release what it holds beside its workers."""
        if self.codec is not None:
            self.codec.close()

    # --- requests -------------------------------------------------------------------------------------------------

    def require(self, demand: Demand = ANY_REQUEST, request_id: Callable[[], str] = str) -> None:
        """Refuse a request that is not admitted; before its body is read, as the smallest request that it may be.

        Args:
            demand: what it asks for.
            request_id: its client's own name for it.

        Raises:
            NotReady: the model is unloaded or isn't ready.
            Overloaded: its queue does not take it.
        """
        if self.unloaded:
            self._metrics.rejected("not-ready", request_id())
            raise errors.NotReady(name=self.name, state=self.state)
        self._runtimes.current.require(demand, request_id)

    def queue_full(self, arriving: int) -> QueueFull | None:
        """How long its queue is, where it takes no request; None where the request decides.

        Args:
            arriving: requests that were admitted and are not in the queue yet.
        """
        runtime = self._runtimes.current
        return None if self.unloaded or not runtime.ready else runtime.admission.queue_full(arriving)

    def count_rejected(self) -> None:
        """Count a request that was refused because the queue is full."""
        self._metrics.rejected("overloaded")

    def validate(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """A client's tensors in the model's order.

        Raises:
            BadTensor: a tensor that the model doesn't take, one that is missing, or one of another type or shape.
        """
        return self._validator.validate(tensors)

    def submit(
        self, tensors: Sequence[Tensor], wanted: tuple[str, ...] = (), options: RequestOptions = USUAL
    ) -> asyncio.Future[Outputs]:
        """Run the model on validated tensors.

        Args:
            tensors: the inputs.
            wanted: the outputs that are needed; empty for all.
            options: how long the request waits, before whom, and who may be given an answer that was kept for it.

        Raises:
            NotReady, Overloaded: as `require`.
        """
        request = InferenceRequest.of_rows(tensors, wanted, self.joining.rows)
        future = self._intake.submit_one(request, options)
        if self.tap is not None:
            self.tap(request, future)
        return future

    def submit_tokens(
        self, inputs: Sequence[TokenIds], options: RequestOptions = USUAL
    ) -> list[asyncio.Future[Outputs]]:
        """Run the model on texts, for their embeddings or their scores: all of them, or none.

        Args:
            inputs: the texts.
            options: as `submit`, for the request as a whole.

        Raises:
            ContextTooLong: a text has more tokens than the model takes.
            NotReady, Overloaded: as `require`.
        """
        output = self.row
        assert output is not None
        longest = self.model.max_length
        requests = [token_request(self.inputs, each, output, longest) for each in inputs]
        futures = self._intake.submit(requests, options)
        if self.tap is not None:
            for request, future in zip(requests, futures, strict=True):
                self.tap(request, future)
        return futures

    def run(self, request: InferenceRequest) -> asyncio.Future[Outputs]:
        """Run a request that no client sent: past the cache, its limits and its counts of clients.

        Raises:
            NotReady: no worker is there.
        """
        request = InferenceRequest.of_rows(request.tensors, request.wanted, self.joining.rows)
        return self._runtimes.current.submit(request, UNSEEN)
