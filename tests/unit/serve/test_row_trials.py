"""Trial runs: they confirm runners whose rows are apart, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from airworthy.core.model import ANY_RANK, TensorSpec
from airworthy.engines.interface import RunFailed
from airworthy.serve.workers import row_trials
from airworthy.serve.workers.row_checks import PaddedTexts, RowTrials, TrialOutcome

Arrays = dict[str, Any]
REALS = (TensorSpec("x", "FP32", (-1, 4)),)
WHOLE = (TensorSpec("x", "INT64", (-1, 4)),)
TEXTS = (TensorSpec("input_ids", "INT64", (-1, -1)), TensorSpec("attention_mask", "INT64", (-1, -1)))


class Computing:
    """A runner that computes what it is told."""

    lanes = 1
    outputs = (TensorSpec("y", "FP32", (-1, 4)),)

    def __init__(self, function: Callable[..., Any], inputs: tuple[TensorSpec, ...] = REALS) -> None:
        self.function = function
        self.inputs = inputs
        self.shapes: list[tuple[int, ...]] = []

    def run_exclusive(self, batch: Arrays) -> Arrays:
        """Compute."""
        self.shapes.append(next(iter(batch.values())).shape)
        return {"y": self.function(*batch.values())}

    run = run_exclusive


def tried(function: Callable[..., Any], inputs: tuple[TensorSpec, ...] = REALS, **asked: Any) -> TrialOutcome:
    """What trial runs find of a function."""
    wanted = {"rows": True, "padding": False, "repeats": False, "most_rows": 32, **asked}
    return row_trials.try_rows(Computing(function, inputs), RowTrials(**wanted))  # type: ignore[arg-type]


def _by_size(x: Any) -> Any:
    return x + (1 if len(x) > 16 else 0)


def _whisper(x: Any) -> Any:
    """A neighbour's influence, far below rounding."""
    return x + np.float32(1e-6) * np.roll(x, 1, axis=0)


def _branch(x: Any) -> Any:
    return -x if np.abs(x).max() > 1e5 else x


def _position(x: Any) -> Any:
    return x * (1 + np.arange(len(x), dtype=np.float32)[:, None] * 0.01)


def _scale(x: Any) -> Any:
    scale = np.abs(x).max() / 127
    return np.round(x / scale) * scale


def _out_of_range(x: Any) -> Any:
    if x.max() >= 10:
        raise RunFailed(detail="index out of range")
    return np.eye(10, dtype=np.float32)[x].sum(axis=1)


APART = {
    "tanh": (np.tanh, REALS),
    "softmax": (lambda x: np.exp(np.clip(x, -50, 50)), REALS),
    "table": (_out_of_range, WHOLE),
    "nothing of it": (lambda x: np.zeros((len(x), 1), np.float32), REALS),
}
TOGETHER = {
    "mean": lambda x: x - x.mean(axis=0),
    "previous": lambda x: np.cumsum(x, axis=0),
    "rolled": lambda x: np.roll(x, 1, axis=0),
    "above a size": _by_size,
    "far below rounding": _whisper,
    "one scale": _scale,
    "branch on an extreme": _branch,
    "place": _position,
    "lost rows": lambda x: x[:1],
    "sorted": lambda x: np.sort(x, axis=0),
}


@pytest.mark.parametrize("name", APART)
def test_rows_that_are_apart_are_confirmed(name: str) -> None:
    function, inputs = APART[name]
    outcome = tried(function, inputs)
    assert outcome.rows
    assert not outcome.problem
    assert outcome.runs > 10


@pytest.mark.parametrize("name", TOGETHER)
def test_rows_that_meet_are_not_confirmed(name: str) -> None:
    outcome = tried(TOGETHER[name])
    assert not outcome.rows
    assert outcome.problem == "parted"


def test_the_largest_batch_is_tried() -> None:
    runner = Computing(np.tanh)
    row_trials.try_rows(runner, RowTrials(True, False, False, 24))  # type: ignore[arg-type]
    assert max(shape[0] for shape in runner.shapes) == 24


def test_a_model_that_runs_on_nothing_is_not_confirmed() -> None:
    def fails(x: Any) -> Any:
        raise RunFailed(detail="no")

    assert tried(fails, repeats=True) == TrialOutcome(runs=6, problem="parted")


def test_any_other_failure_ends_the_trials_of_its_kind_alone() -> None:
    def fails(x: Any) -> Any:
        if len(x) > 2:
            raise MemoryError
        return x

    outcome = tried(fails, repeats=True)
    assert (outcome.rows, outcome.repeats, outcome.problem) == (False, False, "failed")


def test_what_takes_too_long_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_trials, "SECONDS", -1.0)
    assert tried(np.tanh, repeats=True) == TrialOutcome(problem="slow")


def test_inputs_of_any_number_of_axes_are_not_tried() -> None:
    assert tried(np.tanh, (TensorSpec("x", "FP32", (-1,), ANY_RANK),)) == TrialOutcome(problem="failed")


def test_strings_can_be_tried() -> None:
    def lengths(x: Any) -> Any:
        return np.array([[len(word) for word in row] for row in x], np.float32)

    assert tried(lengths, (TensorSpec("x", "BYTES", (-1, 3)),)).rows


class _Counter:
    """A function that keeps something from one run for the next."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        """Add how often it was called."""
        self.calls += 1
        return x + self.calls


def test_a_state_is_seen() -> None:
    assert not tried(_Counter(), rows=False, repeats=True).repeats
    assert tried(np.tanh, rows=False, repeats=True) == TrialOutcome(repeats=True, runs=18)


PADDED = PaddedTexts({"input_ids": 0, "attention_mask": 0}, "y", 100, 64)


def _masked(input_ids: Any, attention_mask: Any) -> Any:
    return (input_ids * attention_mask).sum(axis=1, keepdims=True).astype(np.float32)


def _unmasked(input_ids: Any, attention_mask: Any) -> Any:
    return (input_ids.sum(axis=1, keepdims=True) / input_ids.shape[1]).astype(np.float32)


@pytest.mark.parametrize(("function", "right"), [(_masked, True), (_unmasked, False)])
def test_padding_that_a_model_sees_is_found(function: Callable[..., Any], right: bool) -> None:
    assert tried(function, TEXTS, rows=False, padding=True, texts=PADDED).padding == right


def test_texts_too_short_to_be_padded_are_not_confirmed() -> None:
    short = PaddedTexts({"input_ids": 0, "attention_mask": 0}, "y", 100, 2)
    assert not tried(_masked, TEXTS, rows=False, padding=True, texts=short).padding
