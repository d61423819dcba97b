"""Decides how requests of one model may share a run: only in ways that are proven to change no answer.

First the graph is asked. What it can't decide, trial runs in the worker may confirm; what it denies, nothing can. Until
the decision is there, every request runs alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, ModelInfo, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.cache.fingerprint import content_digest, stamp_of
from airworthy.serve.scheduling.model_runtime import ModelRuntime
from airworthy.serve.workers.graph_proof import prove
from airworthy.serve.workers.row_checks import UNREAD, GraphProof, PaddedTexts, RowTrials, TrialOutcome
from airworthy.serve.workers.wire import Ready
from airworthy.targets.rows.verdict import DEPENDENT, UNDECIDED, Reason, Verdict

_REASONS = {
    Reason.MIXED: "{node} combines rows with each other",
    Reason.PLACE: "{node} treats rows by their place in the batch",
    Reason.COUNT: "{node} depends on how many rows there are",
    Reason.SCALE: "{node} takes one scale from all rows together",
    Reason.RANDOM: "{node} gives random numbers",
    Reason.LOST: "an output does not have one row for each row of the inputs",
    Reason.FIXED: "its inputs and outputs do not share a first axis of any size",
    Reason.OPERATOR: "no rule covers {node}, and trial runs {outcome}",
    Reason.SIZES: "the sizes at {node} cannot be followed, and trial runs {outcome}",
    Reason.INDEXED: "{node} takes rows by number, and trial runs {outcome}",
    Reason.UNREAD: "its graph cannot be read, and trial runs {outcome}",
}
_PADDING_REASONS = {
    **_REASONS,
    Reason.MIXED: "{node} sees the padding of texts",
    Reason.COUNT: "{node} depends on the length with padding",
    Reason.SCALE: "{node} takes one scale from padding too",
    Reason.LOST: "the output has an axis of tokens",
}
_OUTCOMES = {
    "parted": "gave other answers {parted}",
    "slow": "took too long",
    "failed": "failed",
    "": "were not possible",
}


NOT_YET = "it is not loaded yet"


class Joining(msgspec.Struct, frozen=True):
    """How requests may share a run."""

    rows: bool = False
    """Whether rows of several requests may run together."""
    padding: bool = False
    """Whether texts of unlike length may."""
    repeats: bool = False
    """Whether an answer may be kept for, or shared by, requests that are the same."""
    why_rows: str = NOT_YET
    """Why rows may not run together."""
    why_padding: str = ""
    """Why texts of unlike length may not."""
    why_repeats: str = NOT_YET
    """Why answers may not be kept."""

    @property
    def text(self) -> str:
        """The decision on rows in one line: `yes`, or `no, because …`."""
        if not self.rows:
            return say("no, because {why}", why=self.why_rows)
        return say("yes, texts of one length only, because {why}", why=self.why_padding) if self.why_padding else "yes"

    @property
    def keeps_text(self) -> str:
        """The decision on kept answers in one line: `yes`, or `no, because …`."""
        return "yes" if self.repeats else say("no, because {why}", why=self.why_repeats)


class TrialStore(Protocol):
    """Keeps what trial runs found, beyond this process."""

    def get(self, key: str) -> TrialOutcome | None:
        """What was found under a key; None where nothing is kept."""

    def put(self, key: str, outcome: TrialOutcome) -> None:
        """Keep what was found."""


def is_batchable(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> bool:
    """Whether requests could share a run: every tensor's first size varies, under one name where the model names it."""
    tensors = (*inputs, *outputs)
    varying = all(spec.shape and spec.shape[0] == -1 and spec.symbols != ANY_RANK for spec in tensors)
    if not inputs or not outputs or not varying:
        return False
    return len({spec.symbols[0] for spec in tensors if spec.symbols and spec.symbols[0]}) <= 1


class JoiningRules:
    """Makes the decision for one model, at each load anew."""

    def __init__(
        self,
        model: ModelInfo,
        engine: str,
        options: RunnerOptions,
        settings: ServeSettings,
        texts: PaddedTexts | None,
        store: TrialStore | None,
        *,
        caches: bool,
    ) -> None:
        """Take in what the decision depends on.

        Args:
            model: the model.
            engine: the engine that runs it.
            options: how the engine runs it.
            settings: the service's; they may forbid, never force.
            texts: how its texts are padded, where it takes texts.
            store: keeps what trial runs found.
            caches: whether answers would be kept.
        """
        self._model = model
        self._engine = engine
        self._options = options
        self._settings = settings
        self._texts = texts
        self._store = store
        self._caches = caches

    async def decide(self, runtime: ModelRuntime) -> tuple[Ready, Joining]:
        """Wait for the first runner, and decide.

        Raises:
            AirworthyError: the model did not load.
        """
        loop = asyncio.get_running_loop()
        before = stamp_of(self._model)
        proving = loop.run_in_executor(None, prove, self._model, self._engine, self._texts)
        try:
            ready = await runtime.pool.loaded()
        except BaseException:
            proving.cancel()
            raise
        proof = ready.proof or await proving
        if before != stamp_of(self._model):
            proof = GraphProof()  # of a file that the runner may not have loaded
        trials = self._needed(proof, ready)
        outcome = await self._tried(trials, runtime) if trials is not None else TrialOutcome()
        return ready, self._decision(proof, outcome, ready)

    def _forbidden(self, ready: Ready) -> str:
        """Why rows may not be joined whatever the graph says; empty where nothing forbids it."""
        if not self._settings.batching.join:
            return say("`serve.batching.join = false` forbids it")
        if self._settings.batching.max_rows == 1:
            return say("`serve.batching.max_rows = 1` forbids it")
        for inputs, outputs in ((self._model.inputs, self._model.outputs), (ready.inputs, ready.outputs)):
            if (inputs or outputs) and not is_batchable(inputs, outputs):
                return say(_REASONS[Reason.FIXED])
        return ""

    def _needed(self, proof: GraphProof, ready: Ready) -> RowTrials | None:
        """The trial runs that could still confirm something."""
        may_join = not self._forbidden(ready) and proof.rows.state != DEPENDENT
        rows = may_join and proof.rows.state == UNDECIDED
        padding = may_join and self._texts is not None and proof.padding.state == UNDECIDED
        repeats = self._caches and proof.repeats.state == UNDECIDED
        if not (rows or padding or repeats):
            return None
        return RowTrials(rows, padding, repeats, self._settings.batching.max_rows, self._texts)

    async def _tried(self, trials: RowTrials, runtime: ModelRuntime) -> TrialOutcome:
        loop = asyncio.get_running_loop()
        key = await loop.run_in_executor(None, self._key, trials) if self._store is not None else ""
        if key and self._store is not None:
            kept = await loop.run_in_executor(None, self._store.get, key)
            if kept is not None:
                return kept
        outcome = await runtime.try_rows(trials)
        if key and self._store is not None and outcome is not None and outcome.problem != "slow":
            await loop.run_in_executor(None, self._store.put, key, outcome)
        return outcome or TrialOutcome(problem="failed")

    def _key(self, trials: RowTrials) -> str:
        """What an outcome holds for: the model's content, the engine and its version, its options, the trials."""
        try:
            digest = content_digest(self._model, self._engine)
        except OSError:
            return ""
        return hashlib.sha256(msgspec.json.encode((digest, self._options, trials))).hexdigest()

    def _decision(self, proof: GraphProof, outcome: TrialOutcome, ready: Ready) -> Joining:
        forbidden = self._forbidden(ready)
        problem = outcome.problem
        rows = not forbidden and (proof.rows.holds or (proof.rows.state == UNDECIDED and outcome.rows))
        padding = proof.padding.holds or (proof.padding.state == UNDECIDED and outcome.padding)
        repeats = proof.repeats.holds or (proof.repeats.state == UNDECIDED and outcome.repeats)
        return Joining(
            rows,
            padding,
            repeats,
            "" if rows else forbidden or _because(proof.rows, problem, say("together than apart")),
            _because(proof.padding, problem, say("with padding than without"), _PADDING_REASONS)
            if self._texts is not None and not padding
            else "",
            "" if repeats else _because(proof.repeats, problem, say("to the same request")),
        )


def _because(verdict: Verdict, problem: str, parted: str, reasons: Mapping[Reason, str] = _REASONS) -> str:
    """Why something is not proven, in one line."""
    operator = verdict.operator or say("a node")
    node = say("{operator} ({name})", operator=operator, name=verdict.node) if verdict.node else operator
    template = reasons[Reason(verdict.reason or UNREAD.reason)]
    return say(template, node=node, outcome=say(_OUTCOMES[problem], parted=parted))
