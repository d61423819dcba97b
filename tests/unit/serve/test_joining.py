"""The decision on how requests share runs: what proves, what confirms, what forbids, and what is said of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from airworthy.artifacts.identify import inspect
from airworthy.core.model import ModelInfo
from airworthy.core.settings import Settings, StateSettings
from airworthy.engines.interface import RunnerOptions
from airworthy.flows.row_trials import KeptTrials
from airworthy.serve.models.joining import Joining, JoiningRules
from airworthy.serve.workers.row_checks import GraphProof, PaddedTexts, RowTrials, TrialOutcome
from airworthy.serve.workers.wire import Ready
from airworthy.state.database import transaction
from airworthy.targets.rows.verdict import DEPENDENT, INDEPENDENT, UNDECIDED, Reason, Verdict
from row_graphs import FAMILY, RANDOM, RowGraph
from serve_settings import serve_settings

BY_NAME = {graph.name: graph for graph in (*FAMILY, RANDOM)}
ALL_WELL = TrialOutcome(True, True, True, 50)


class FakeRuntime:
    """Says that a model is loaded, and what trial runs found."""

    def __init__(
        self, model: ModelInfo, outcome: TrialOutcome | None = ALL_WELL, proof: GraphProof | None = None
    ) -> None:
        self.ready = Ready(model.inputs, model.outputs, 1, 0.1, proof=proof)
        self.outcome = outcome
        self.asked: list[RowTrials] = []
        self.pool = self

    async def loaded(self) -> Ready:
        """Be loaded."""
        return self.ready

    async def try_rows(self, trials: RowTrials) -> TrialOutcome | None:
        """Tell what was found."""
        self.asked.append(trials)
        return self.outcome


def decide(
    model: ModelInfo,
    runtime: FakeRuntime,
    *,
    engine: str = "onnxruntime",
    options: RunnerOptions | None = None,
    texts: PaddedTexts | None = None,
    store: Any = None,
    caches: bool = True,
    **settings: Any,
) -> Joining:
    """The decision on a model."""
    given = serve_settings(batching=settings)
    rules = JoiningRules(model, engine, options or RunnerOptions(), given, texts, store, caches=caches)
    _, joining = asyncio.run(rules.decide(runtime))  # type: ignore[arg-type]
    return joining


def saved(graph: RowGraph, folder: Path) -> ModelInfo:
    """A graph's file, as the service knows it."""
    return inspect(graph.save(folder / "model.onnx")).model


def test_what_the_graph_proves_needs_no_trial(tmp_path: Path) -> None:
    model = saved(BY_NAME["mlp"], tmp_path)
    runtime = FakeRuntime(model)
    joining = decide(model, runtime)
    assert (joining.rows, joining.repeats, joining.text, joining.keeps_text) == (True, True, "yes", "yes")
    assert runtime.asked == []


def test_no_trial_overrules_what_the_graph_denies(tmp_path: Path) -> None:
    model = saved(BY_NAME["gram"], tmp_path)
    runtime = FakeRuntime(model)
    joining = decide(model, runtime)
    assert not joining.rows
    assert joining.text == "no, because MatMul (n1) combines rows with each other"
    assert runtime.asked == []


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (ALL_WELL, "yes"),
        (TrialOutcome(problem="parted"), "and trial runs gave other answers together than apart"),
        (TrialOutcome(problem="slow"), "and trial runs took too long"),
        (None, "and trial runs failed"),
    ],
)
def test_trials_decide_what_no_rule_does(outcome: TrialOutcome | None, text: str, tmp_path: Path) -> None:
    model = saved(BY_NAME["sequence"], tmp_path)
    runtime = FakeRuntime(model, outcome)
    joining = decide(model, runtime, max_rows=24)
    assert joining.rows == (outcome == ALL_WELL)
    assert joining.text.endswith(text)
    assert runtime.asked == [RowTrials(True, False, False, 24)]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"join": False}, "no, because `serve.batching.join = false` forbids it"),
        ({"max_rows": 1}, "no, because `serve.batching.max_rows = 1` forbids it"),
    ],
)
def test_settings_forbid_and_spare_the_trials(settings: dict[str, Any], text: str, tmp_path: Path) -> None:
    for name in ("mlp", "sequence"):
        model = saved(BY_NAME[name], tmp_path)
        runtime = FakeRuntime(model)
        assert decide(model, runtime, **settings).text == text
        assert runtime.asked == []


def test_another_engine_or_format_is_tried(tmp_path: Path) -> None:
    model = saved(BY_NAME["gram"], tmp_path)
    runtime = FakeRuntime(model, TrialOutcome(problem="parted"))
    assert "its graph cannot be read" in decide(model, runtime, engine="null").text
    assert runtime.asked == [RowTrials(True, False, True, 32)]


def test_a_worker_that_reads_the_graph_itself_is_believed(tmp_path: Path) -> None:
    model = saved(BY_NAME["gram"], tmp_path)
    told = GraphProof(Verdict(INDEPENDENT), Verdict(INDEPENDENT), Verdict(INDEPENDENT))
    assert decide(model, FakeRuntime(model, proof=told)).rows


def test_a_file_that_changes_while_it_loads_is_not_proven(tmp_path: Path) -> None:
    model = saved(BY_NAME["mlp"], tmp_path)

    class Changing(FakeRuntime):
        async def loaded(self) -> Ready:
            os.utime(model.entry, ns=(1, 1))
            return await super().loaded()

    joining = decide(model, Changing(model, TrialOutcome(problem="parted")))
    assert not joining.rows
    assert "its graph cannot be read" in joining.text


def test_random_numbers_are_neither_batched_nor_kept(tmp_path: Path) -> None:
    model = saved(RANDOM, tmp_path)
    joining = decide(model, FakeRuntime(model))
    assert (joining.rows, joining.repeats) == (False, False)
    assert joining.text == joining.keeps_text == "no, because RandomNormalLike (n0) gives random numbers"


def test_what_may_be_kept_is_tried_only_where_something_is_kept(tmp_path: Path) -> None:
    model = saved(BY_NAME["unknown-operator"], tmp_path)
    for caches in (True, False):
        runtime = FakeRuntime(model, TrialOutcome(True, False, caches))
        assert decide(model, runtime, caches=caches).repeats == caches
        assert runtime.asked == [RowTrials(True, False, caches, 32)]


def test_trials_are_kept_for_the_same_content_engine_and_options(tmp_path: Path) -> None:
    store = KeptTrials(Settings(state=StateSettings(directory=str(tmp_path / "state"))))
    model = saved(BY_NAME["sequence"], tmp_path)

    def asked(model: ModelInfo, **more: Any) -> int:
        runtime = FakeRuntime(model)
        assert decide(model, runtime, store=store, **more).rows
        return len(runtime.asked)

    assert asked(model) == 1
    assert asked(model) == 0
    assert asked(model, options=RunnerOptions(threads=2)) == 1
    assert asked(model, max_rows=64) == 1
    assert asked(saved(BY_NAME["rows-by-number"], tmp_path)) == 1, "the same path, another content"


def test_trials_that_ran_out_of_time_are_made_again(tmp_path: Path) -> None:
    store = KeptTrials(Settings(state=StateSettings(directory=str(tmp_path / "state"))))
    model = saved(BY_NAME["sequence"], tmp_path)
    for _ in range(2):
        runtime = FakeRuntime(model, TrialOutcome(problem="slow"))
        assert not decide(model, runtime, store=store).rows
        assert len(runtime.asked) == 1


def test_a_kept_outcome_that_is_damaged_counts_for_nothing(tmp_path: Path) -> None:
    store = KeptTrials(Settings(state=StateSettings(directory=str(tmp_path))))
    store.put("key", ALL_WELL)
    assert store.get("key") == ALL_WELL
    with transaction(tmp_path) as database:
        assert database.execute("UPDATE profile SET value = '{'").rowcount == 1
    assert store.get("key") is None
    assert store.get("other") is None


OTHER = "gave other answers with padding than without"
ONE_LENGTH = "yes, texts of one length only, because"
TEXTS = PaddedTexts({"x": 0}, "y0", 100)


@pytest.mark.parametrize(
    ("padding", "outcome", "text"),
    [
        (Verdict(INDEPENDENT), ALL_WELL, "yes"),
        (
            Verdict(DEPENDENT, Reason.MIXED.value, "", "ReduceMean"),
            ALL_WELL,
            f"{ONE_LENGTH} ReduceMean sees the padding of texts",
        ),
        (Verdict(UNDECIDED, Reason.SIZES.value, "", "Reshape"), ALL_WELL, "yes"),
        (
            Verdict(UNDECIDED, Reason.SIZES.value, "", "Reshape"),
            TrialOutcome(problem="parted"),
            f"{ONE_LENGTH} the sizes at Reshape cannot be followed, and trial runs {OTHER}",
        ),
    ],
)
def test_padding_is_decided_apart_from_rows(padding: Verdict, outcome: TrialOutcome, text: str, tmp_path: Path) -> None:
    model = saved(BY_NAME["mlp"], tmp_path)
    proof = GraphProof(Verdict(INDEPENDENT), padding, Verdict(INDEPENDENT))
    joining = decide(model, FakeRuntime(model, outcome, proof), texts=TEXTS)
    assert joining.rows
    assert joining.padding == (text == "yes")
    assert joining.text == text
