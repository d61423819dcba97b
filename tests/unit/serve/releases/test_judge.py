"""Three verdicts on a version: error rates of the judgement itself, over many drawn runs."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.serve.models.releases.comparison import difference
from airworthy.serve.models.releases.judge import AnswerDrift, Observed, fisher, greater, judge, median
from airworthy.serve.tensors import Tensor, TensorMeta, pack

NO_DRIFT = AnswerDrift((), 0, -1.0)
RUNS = 200
SAMPLES = 100


def drawn(chance: random.Random, answers: int, *, errors: float = 0.0, slow: float = 1.0) -> Observed:
    failed = sum(chance.random() < errors for _ in range(answers))
    return Observed(answers, failed, [0.01 * slow * chance.lognormvariate(0, 0.4) for _ in range(answers - failed)])


def outcomes(**new: float) -> dict[str, int]:
    chance = random.Random(11)
    found = [
        judge(drawn(chance, 400), drawn(chance, SAMPLES, **new), NO_DRIFT, SAMPLES, 0.25).outcome for _ in range(RUNS)
    ]
    return {outcome: found.count(outcome) for outcome in ("passed", "failed", "undecided")}


def test_an_equal_version_passes() -> None:
    assert outcomes()["passed"] >= 0.99 * RUNS


def test_a_better_version_passes() -> None:
    assert outcomes(slow=0.7) == {"passed": RUNS, "failed": 0, "undecided": 0}


@pytest.mark.parametrize(("new", "least"), [({"errors": 0.1}, 0.99), ({"slow": 1.6}, 0.99), ({"errors": 0.05}, 0.5)])
def test_a_worse_version_never_passes(new: dict[str, float], least: float) -> None:
    found = outcomes(**new)
    assert found["failed"] >= least * RUNS
    assert found["passed"] <= 0.1 * RUNS


def test_judging_again_and_again_seldom_fails_an_equal_version() -> None:
    chance = random.Random(3)
    failed = 0
    for _ in range(100):
        old, new = drawn(chance, 0), drawn(chance, 0)
        for _ in range(20):
            more = (drawn(chance, 50, errors=0.02), drawn(chance, 5, errors=0.02))
            old, new = (
                Observed(a.answers + b.answers, a.errors + b.errors, [*a.seconds, *b.seconds])
                for a, b in zip((old, new), more, strict=True)
            )
            verdict = judge(old, new, NO_DRIFT, SAMPLES, 0.25)
            if verdict.outcome != "undecided":
                break
        failed += verdict.outcome == "failed"
    assert failed <= 5


@pytest.mark.parametrize("counts", [(0, 0), (1000, 0), (0, 1000), (99, 1000), (1000, 99)])
def test_too_little_data_never_passes(counts: tuple[int, int]) -> None:
    chance = random.Random(1)
    verdict = judge(drawn(chance, counts[0]), drawn(chance, counts[1]), NO_DRIFT, SAMPLES, 0.25)
    assert verdict.outcome == "undecided"
    assert "of each are needed" in verdict.reasons[0]


def test_a_version_that_only_fails_is_judged_early() -> None:
    old, new = Observed(200, 0, [0.01] * 200), Observed(12, 12, [])
    assert judge(old, new, NO_DRIFT, SAMPLES, 0.25).outcome == "failed"


def test_drift() -> None:
    chance = random.Random(2)
    old, new = drawn(chance, SAMPLES), drawn(chance, SAMPLES)
    for drift, outcome in (
        (AnswerDrift((0.01, 0.2), 0, 0.5), "passed"),
        (AnswerDrift((0.01, 0.6), 0, 0.5), "failed"),
        (AnswerDrift((0.01,), 1, 0.5), "failed"),
        (AnswerDrift((), 0, 0.5), "undecided"),  # demanded, and nothing was compared
        (AnswerDrift((), 0, -1.0), "passed"),
    ):
        assert judge(old, new, drift, SAMPLES, 0.25).outcome == outcome


def test_empty_answers_count() -> None:
    old, new = Observed(300, 0, [0.01] * 300, 0), Observed(SAMPLES, 0, [0.01] * SAMPLES, 40)
    assert judge(old, new, NO_DRIFT, SAMPLES, 0.25).outcome == "failed"


def test_fisher_by_hand() -> None:
    # Fisher's tea: 3 of 4 against 1 of 4.
    assert fisher(3, 1, 1, 3) == pytest.approx(17 / 70)
    assert fisher(0, 10, 5, 5) == pytest.approx(1.0)


@settings(max_examples=100, deadline=None)
@given(*[st.integers(0, 60)] * 4)
def test_fisher_is_a_probability(a: int, b: int, c: int, d: int) -> None:
    assert 0 <= fisher(a, b, c, d) <= 1 + 1e-9


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 10), max_size=30), st.lists(st.floats(0, 10), max_size=30))
def test_greater_is_a_probability_and_turns_round(first: list[float], second: list[float]) -> None:
    above, below = greater(first, second), greater(second, first)
    assert 0 <= above <= 1
    assert above + below >= 1 - 1e-9
    if first:
        assert min(first) <= median(first) <= max(first)


def test_greater_finds_a_shift() -> None:
    chance = random.Random(4)
    first = [chance.gauss(1, 1) for _ in range(80)]
    second = [chance.gauss(0, 1) for _ in range(80)]
    assert greater(first, second) < 1e-6
    assert greater(second, first) > 0.999
    assert greater([1.0] * 50, [1.0] * 50) == 1.0


def tensor(values: list[float], kind: str = "FP32", name: str = "y") -> Tensor:
    data = pack(name, kind, values, len(values))
    return Tensor(TensorMeta(name, kind, (len(values),), len(data)), data)


def test_differences_are_relative_to_the_largest_value() -> None:
    assert difference([tensor([1, 4])], [tensor([1, 4])]) == 0
    assert difference([tensor([1, 4])], [tensor([1, 5])]) == pytest.approx(0.25)
    assert difference([tensor([1, 4], "INT64")], [tensor([2, 4], "INT64")]) == pytest.approx(0.25)
    for other in (tensor([1]), tensor([1, 4], "FP64"), tensor([1, 4], name="z"), tensor([1, math.nan])):
        assert difference([tensor([1, 4])], [other]) is None
    assert difference([tensor([math.nan])], [tensor([math.nan])]) == 0
