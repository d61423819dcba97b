"""Verdicts from bounds: what is proven, what is disproven, and how much data would do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.optimize.gating import judge_quality, judge_speed, overall
from airworthy.optimize.metrics import METRICS, MetricUnfit, classes
from airworthy.optimize.statistics import ErrorBounds

ACCURACY = METRICS["accuracy"]


def _answers(rows: int, wrong: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of ten classes, so many of them of another class than the right one."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 10, rows)
    said = truth.copy()
    picked = random.permutation(rows)[:wrong]
    said[picked] = (said[picked] + 1) % 10
    return np.eye(10, dtype=np.float32)[said], truth


def test_the_same_answers_pass_where_there_are_enough_of_them() -> None:
    outputs, truth = _answers(450, 10, 0)
    assert judge_quality("accuracy", ACCURACY, outputs, outputs, truth, 0.99).verdict == "passed"
    few = judge_quality("accuracy", ACCURACY, outputs[:20], outputs[:20], truth[:20], 0.99)
    assert few.verdict == "not enough data"
    assert few.rows_needed is not None
    assert 250 < few.rows_needed < 290


def test_a_proven_loss_fails_and_says_what_was_lost() -> None:
    before, truth = _answers(2000, 40, 0)
    after = before.copy()
    after[:100] = np.roll(after[:100], 1, axis=1)
    found = judge_quality("accuracy", ACCURACY, before, after, truth, 0.99)
    assert found.verdict == "failed"
    assert found.lost is not None
    assert found.won is not None
    assert found.difference == pytest.approx((found.won - found.lost) / 2000)
    assert found.p_value is not None
    assert found.p_value < 1e-9


def test_the_rows_that_are_named_would_do() -> None:
    before, truth = _answers(300, 6, 0)
    after = before.copy()
    after[0] = np.roll(after[0], 1)
    found = judge_quality("accuracy", ACCURACY, before, after, truth, 0.99)
    assert found.verdict == "not enough data"
    assert found.rows_needed is not None
    times = -(-found.rows_needed // 300)
    more = [np.concatenate([each] * times) for each in (before, after, truth)]
    assert judge_quality("accuracy", ACCURACY, *more, 0.99).verdict == "passed"


@pytest.mark.parametrize("metric", ["rmse", "spearman"])
def test_numbers_are_judged_by_resampling(metric: str) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(0, 1, (100, 3))
    before = truth + random.normal(0, 0.1, truth.shape)
    kind = METRICS[metric]
    assert judge_quality(metric, kind, before, before, truth, 0.99).verdict == "passed"
    worse = truth + random.normal(0, 2.0, truth.shape)
    assert judge_quality(metric, kind, before, worse, truth, 0.99).verdict == "failed"
    assert judge_quality(metric, kind, worse, before, truth, 0.99).verdict == "passed"


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [
        (ErrorBounds(0.9, 1.04), "passed"),
        (ErrorBounds(1.06, 1.2), "failed"),
        (ErrorBounds(0.9, 1.2), "not enough data"),
        (ErrorBounds(0.0, float("inf")), "not enough data"),
    ],
)
def test_speed_is_judged_by_its_bounds(bounds: ErrorBounds, verdict: str) -> None:
    times = np.array([1.0, 1.0, 1.0])
    assert judge_speed(times, times, bounds, 1, 1.05, 0.95).verdict == verdict


def test_no_verdict_is_no_pass() -> None:
    assert overall() == "not enough data"
    assert overall("passed", "not enough data") == "not enough data"
    assert overall("not enough data", "failed") == "failed"
    assert overall("passed", "passed") == "passed"


def test_f1_and_top5_are_those_of_scikit_learn() -> None:
    from sklearn import metrics

    random = np.random.default_rng(1)
    scores, truth = random.normal(size=(300, 8)), random.integers(0, 8, 300)
    said = scores.argmax(axis=1)
    assert METRICS["f1"].score(scores, truth) == pytest.approx(metrics.f1_score(truth, said, average="macro"))
    assert METRICS["top5"].score(scores, truth) == pytest.approx(metrics.top_k_accuracy_score(truth, scores, k=5))
    assert METRICS["r2"].score(scores, scores + 1) == pytest.approx(metrics.r2_score(scores + 1, scores), abs=0.01)


@given(st.sampled_from(sorted(METRICS)), st.lists(st.integers(0, 4), min_size=0, max_size=4))
def test_any_shape_is_a_number_or_one_error(metric: str, shape: list[int]) -> None:
    outputs = np.zeros([3, *shape], dtype=np.float32)
    try:
        score = METRICS[metric].score(outputs, np.array([0, 1, 2]))
    except MetricUnfit as error:
        assert error.text
    else:
        assert isinstance(score, float)


def test_one_column_is_a_yes_or_a_no() -> None:
    assert classes(np.array([[0.2], [0.8]])).tolist() == [0, 1]
    assert classes(np.array([3, 1])).tolist() == [3, 1]
