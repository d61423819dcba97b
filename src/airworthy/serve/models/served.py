"""One model as the gateway sees it: its name, what it takes and gives, and the way in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, ModelInfo, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.engines.interface import RunnerOptions
from airworthy.serve import errors
from airworthy.serve.cache.answers import AnswerCache, Store, key_of
from airworthy.serve.cache.fingerprint import content_digest, stamp_of
from airworthy.serve.metrics.metrics import Metrics, ModelMetrics
from airworthy.serve.metrics.statistics import ModelStatistics
from airworthy.serve.models.joining import Joining, JoiningRules, TrialStore
from airworthy.serve.models.tokenizer import TextCodec, int64
from airworthy.serve.scheduling import tuning_runs
from airworthy.serve.scheduling.capacity import QueueFull
from airworthy.serve.scheduling.dispatcher import Dispatcher
from airworthy.serve.scheduling.request_options import USUAL, RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.scheduling.scheduler import Limits
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.tensors import BadTensor, Tensor, TensorMeta, check_size, check_strings, is_finite, shape_text
from airworthy.serve.workers.link import STOP
from airworthy.serve.workers.row_checks import PaddedTexts
from airworthy.serve.workers.supervisor import MakeLink
from airworthy.serve.workers.wire import Load, Ready

VERSION = "1"
"""The version of every model, until releases bring their own."""
TOKENS = 256
"""Tokens of a batch until a search has found better."""
LEAST_TOKENS = 64
"""The least tokens of a batch, whatever a search has found: texts shorter than those tried gain from company."""
TEXT_TASKS = ("embedding", "rerank")
"""Tasks whose models take texts, through their tokenizer."""


def embedding_output(outputs: Sequence[TensorSpec]) -> TensorSpec | None:
    """The output that holds one vector a row."""
    flat = [spec for spec in outputs if len(spec.shape) == 2 and spec.datatype == "FP32"]
    named = [spec for spec in flat if "embedding" in spec.name or "pool" in spec.name]
    return next(iter(named or flat), None)


class ServedModel:
    """A model that is being served."""

    def __init__(
        self,
        model: ModelInfo,
        engine: str,
        options: RunnerOptions,
        settings: ServeSettings,
        make_link: MakeLink,
        meters: Metrics,
        profile: Profile | None = None,
        store: Store | None = None,
        trial_store: TrialStore | None = None,
    ) -> None:
        self.model = model
        self.name = model.name
        self.engine = engine
        self._settings = settings
        self._meters = ModelMetrics(meters, model.name)
        self.inputs: tuple[TensorSpec, ...] = model.inputs
        self.outputs: tuple[TensorSpec, ...] = model.outputs
        self.joining = Joining()
        """How its requests may share a run; not at all before that is decided."""
        self.codec: TextCodec | None = None
        self.embedding: TensorSpec | None = None
        self.score: TensorSpec | None = None
        self._padding: dict[str, bytes] = {}
        if model.task in TEXT_TASKS:
            self.codec = _codec(model)
            self._padding = {
                spec.name: int64([self.codec.pad_id if spec.name == "input_ids" else 0]) for spec in model.inputs
            }
        if model.task == "embedding":
            self.embedding = embedding_output(model.outputs)
        elif model.task == "rerank":
            self.score = embedding_output(model.outputs)
        self._limits = Limits(rows=1, tokens=settings.max_batch_tokens or TOKENS, wait=settings.batch_wait)
        self._profile = profile
        self._searching: asyncio.Task[None] | None = None
        texts = self._padded_texts()
        load = Load(engine, model, options, texts)
        self._make: Callable[[], Dispatcher] = lambda: Dispatcher(
            load, settings, make_link, self._meters, self._limits, self._padding, self._tell_room
        )
        self.dispatcher = self._make()
        self._others: set[Dispatcher] = set()
        self._changing = asyncio.Lock()
        self.unloaded = False
        """Whether it was taken out of service by an administrator, until it is loaded again."""
        # What a file holds decides what it answers; one that changes under a running service is read again by `load`.
        self._loads = 1
        keeps = bool(settings.cache) or store is not None
        self._rules = JoiningRules(model, engine, options, settings, texts, trial_store, caches=keeps)
        self._cache = AnswerCache(settings.cache, settings.cache_ttl, self._meters.asked) if keeps else None
        self._store = store
        self._digest = ""
        self._stamp = stamp_of(model) if store is not None else ()
        self.on_room: Callable[[], None] | None = None
        """Told when its queue has become shorter."""
        self.held: Callable[[], int] = int
        """How many requests wait unread."""
        self._meters.watch(lambda: self.waiting + self.held(), lambda: self.dispatcher.running)

    def _tell_room(self) -> None:
        if self.on_room is not None:
            self.on_room()

    @property
    def waiting(self) -> int:
        """Requests in its queue."""
        return self.dispatcher.waiting

    async def loaded(self, keep: Callable[[Profile], None] | None = None) -> Ready:
        """Wait for the first runner, whose own word about inputs and outputs counts from then on.

        Args:
            keep: keeps what a search finds, which is made where it is not known yet how the model runs best; blocking.
        """
        ready, joining = await self._rules.decide(self.dispatcher)
        self._join(self.dispatcher, joining)
        self.inputs, self.outputs = ready.inputs, ready.outputs
        await self._name_release()
        if self._profile is not None:
            self._run_as(self._profile)
        elif keep is not None and self.joining.rows:
            self._searching = asyncio.get_running_loop().create_task(self._search(ready, keep))
        return ready

    def _join(self, dispatcher: Dispatcher, joining: Joining) -> None:
        """Follow a decision on how requests may share a run."""
        self.joining = joining
        rows = self._settings.max_batch if joining.rows else 1
        self._limits = replace(self._limits, rows=rows, padding=joining.padding)
        dispatcher.join(self._limits)

    def _padded_texts(self) -> PaddedTexts | None:
        output = self.embedding or self.score
        if self.codec is None or output is None:
            return None
        pads = {spec.name: self.codec.pad_id if spec.name == "input_ids" else 0 for spec in self.model.inputs}
        return PaddedTexts(pads, output.name, self.codec.vocabulary, self.model.max_length)

    async def _search(self, ready: Ready, keep: Callable[[Profile], None]) -> None:
        is_text, most_rows = self.codec is not None, self._settings.max_batch
        longest = self.model.max_length
        found = await tuning_runs.find(self.dispatcher, ready, is_text=is_text, most_rows=most_rows, longest=longest)
        if found is not None:
            self._profile = found
            self._run_as(found)
            await asyncio.get_running_loop().run_in_executor(None, keep, found)

    def _run_as(self, profile: Profile) -> None:
        """Follow what a search found, but for what the settings say."""
        limits = self._limits
        if self.codec is not None and not self._settings.max_batch_tokens:
            limits = replace(limits, tokens=max(LEAST_TOKENS, profile.batch))
        self.dispatcher.take_profile(profile, limits)

    async def _name_release(self) -> None:
        """Take the digest of what was loaded; without one nothing goes to the store, nor comes from it."""
        if self._store is None or not self._stamp:
            return
        try:
            digest = await asyncio.get_running_loop().run_in_executor(None, content_digest, self.model, self.engine)
        except OSError:
            return
        # A file that was replaced since the load began would name what the runners don't have.
        if self._stamp == stamp_of(self.model):
            self._digest = digest

    # --- life -----------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether it takes requests now."""
        return not self.unloaded and self.dispatcher.ready

    @property
    def state(self) -> str:
        """What a person would say of it, in one word."""
        return say("unloaded") if self.unloaded else self.dispatcher.state

    def statistics(self) -> ModelStatistics:
        """What it has done so far."""
        return self._meters.statistics(VERSION)

    def describe(self) -> dict[str, Any]:
        """Its state as plain JSON data, for the health page."""
        joins = {"batches_rows": self.joining.text}
        return {**self.dispatcher.describe(), "state": self.state, "signer": self.model.signer, **joins}

    def check_room(self) -> None:
        """Refuse at once what would be refused after its body was read.

        Raises:
            Refusal: the model is unloaded or isn't ready, or its queue is full.
        """
        if self.unloaded:
            raise errors.NotReady(name=self.name, state=self.state)
        self.dispatcher.check_room()

    def full(self, coming: int) -> QueueFull | None:
        """How long its queue is, where it takes nobody more; None where the request decides what is said.

        Args:
            coming: requests that were let in and are not in the queue yet.
        """
        return None if self.unloaded or not self.dispatcher.ready else self.dispatcher.room.full(coming)

    def turned_away(self) -> None:
        """Count a request that was refused because it is full."""
        self._meters.rejected("overloaded")

    async def load(self) -> None:
        """Load it, or load its file again: new runners take over once they are ready, the old ones finish their work.

        Raises:
            Refusal: it does not load; what served before goes on serving.
        """
        async with self._changing:
            new = self._make()
            stamp = stamp_of(self.model) if self._store is not None else ()
            self._others.add(new)
            new.begin()
            try:
                ready, joining = await self._rules.decide(new)
            except BaseException as error:
                await self._end(new, 0.0)
                if isinstance(error, AirworthyError):
                    raise errors.LoadRefused(detail=error.text, way_out=error.way_out) from None
                raise
            old, self.dispatcher = self.dispatcher, new
            self._join(new, joining)
            self._others.discard(new)
            self._others.add(old)
            self.inputs, self.outputs = ready.inputs, ready.outputs
            if self._profile is not None:
                self._run_as(self._profile)
            self._loads += 1  # runs of the old one that are under way are kept under a key that nobody asks for
            if self._cache is not None:
                self._cache.clear()
            self._digest, self._stamp = "", stamp
            await self._name_release()
            was_unloaded, self.unloaded = self.unloaded, False
            if not was_unloaded:
                await self._end(old, self._settings.drain)

    async def unload(self) -> None:
        """Take it out of service: who is inside gets an answer, its runners end."""
        async with self._changing:
            if not self.unloaded:
                self.unloaded = True
                await self._end(self.dispatcher, self._settings.drain)

    async def _end(self, dispatcher: Dispatcher, drain: float) -> None:
        await dispatcher.drain(drain)
        await dispatcher.stop(STOP)
        self._others.discard(dispatcher)

    async def stop(self, timeout: float) -> None:
        """End all its runners, whoever they serve."""
        if self._searching is not None:
            self._searching.cancel()
        await asyncio.gather(*(each.stop(timeout) for each in (self.dispatcher, *self._others)))

    @property
    def _release(self) -> str:
        return f"{self.model.path}:{VERSION}:{self._loads}"

    # --- requests -------------------------------------------------------------------------------------------------

    def validate(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """A client's tensors in the model's order.

        Raises:
            BadTensor: a tensor that the model doesn't take, one that is missing, or one of another type or shape.
        """
        specs = self.inputs
        if len(tensors) != len(specs) or any(t.meta.name != spec.name for t, spec in zip(tensors, specs, strict=True)):
            tensors = self._in_order(tensors)
        for (meta, data), spec in zip(tensors, specs, strict=True):
            _hold_against(meta, spec)
            if spec.datatype == "BYTES":
                check_strings(spec.name, meta.shape, data)
            elif not self._settings.allow_nonfinite and not is_finite(spec.datatype, data):
                problem = say("it holds NaN or infinity, which serve.allow_nonfinite = true would let in")
                raise BadTensor(name=spec.name, problem=problem)
        return tensors

    def _in_order(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        given = {tensor.meta.name: tensor for tensor in tensors}
        if len(given) != len(tensors):
            raise BadTensor(name=_twice(tensors), problem=say("it is given twice"))
        names = tuple(spec.name for spec in self.inputs)
        for name in given:
            if name not in names:
                raise BadTensor(name=name, problem=say("the model has no such input; it takes {names}", names=names))
        for name in names:
            if name not in given:
                raise BadTensor(name=name, problem=say("it is missing"))
        return [given[name] for name in names]

    def submit(
        self, tensors: Sequence[Tensor], wanted: tuple[str, ...] = (), terms: RequestOptions = USUAL
    ) -> asyncio.Future[tuple[Tensor, ...]]:
        """Let validated tensors in.

        Args:
            tensors: the inputs.
            wanted: the outputs that are needed; empty for all.
            terms: how long the request waits, before whom, and who may be given an answer that was kept for it.
        """
        rows = {tensor.meta.shape[0] for tensor in tensors if tensor.meta.shape}
        if not self.joining.rows or len(rows) != 1:
            return self._ask(InferenceRequest(tensors, object(), 1, 0, wanted), terms)
        group = tuple(tensor.meta.shape[1:] for tensor in tensors)
        return self._ask(InferenceRequest(tensors, group, rows.pop(), 0, wanted), terms)

    def submit_tokens(
        self, ids: Sequence[int], types: Sequence[int] = (), terms: RequestOptions = USUAL
    ) -> asyncio.Future[tuple[Tensor, ...]]:
        """Let one text's token ids in, for its embedding or its score.

        Args:
            ids: the token ids.
            types: which of a pair's two texts each token belongs to; empty for a single text.
            terms: as `submit`.

        Raises:
            Refusal: more tokens than the model takes.
        """
        most = self.model.max_length
        if most is not None and len(ids) > most:
            raise errors.ContextTooLong(tokens=len(ids), most=most)
        output = self.embedding or self.score
        assert output is not None
        data, length = int64(ids), len(ids)
        columns = {"input_ids": data, "attention_mask": int64([1]) * length}
        if types:
            columns["token_type_ids"] = int64(types)
        blank = bytes(len(data))
        tensors = [
            Tensor(TensorMeta(spec.name, "INT64", (1, length), len(data)), columns.get(spec.name, blank))
            for spec in self.inputs
        ]
        wanted = (output.name,)
        return self._ask(InferenceRequest(tensors, "tokens", 1, length, wanted), terms)

    def _ask(self, asked: InferenceRequest, terms: RequestOptions) -> asyncio.Future[tuple[Tensor, ...]]:
        if self._cache is None or not self.joining.repeats:
            return self.dispatcher.submit(asked, terms)
        release, store = (self._digest, self._store) if self._digest else (self._release, None)
        key = key_of(release, asked.wanted, asked.tensors, terms.tenant)
        # The run may become others' as well, so it does not end with this client.
        run = terms._replace(watch=None)
        return self._cache.ask(key, lambda: self.dispatcher.submit(asked, run), terms.watch, store)

    def close(self) -> None:
        """Release what it holds beside its runners."""
        if self.codec is not None:
            self.codec.close()


def _twice(tensors: Sequence[Tensor]) -> str:
    names = [tensor.meta.name for tensor in tensors]
    return next(name for name in names if names.count(name) > 1)


def _hold_against(meta: TensorMeta, spec: TensorSpec) -> None:
    if meta.datatype != spec.datatype:
        problem = say("the model takes {wanted}, not {given}", wanted=spec.datatype, given=meta.datatype)
        raise BadTensor(name=meta.name, problem=problem)
    fits = spec.symbols == ANY_RANK or (
        len(meta.shape) == len(spec.shape)
        and all(expected in (-1, size) for size, expected in zip(meta.shape, spec.shape, strict=True))
    )
    if not fits or (meta.shape and meta.shape[0] == 0):
        problem = say(
            "the model takes shape {wanted}, not {given} (-1 stands for any size from 1)",
            wanted=shape_text(spec.shape),
            given=shape_text(meta.shape),
        )
        raise BadTensor(name=meta.name, problem=problem)
    check_size(meta)


def _codec(model: ModelInfo) -> TextCodec:
    if model.sealed is None:
        return TextCodec(model.tokenizer)
    from airworthy.serve.workers.encrypted_models import read_tokenizer

    return TextCodec(model.tokenizer, read_tokenizer(model))
