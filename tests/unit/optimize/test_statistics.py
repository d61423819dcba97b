"""Intervals and tests beside SciPy's, and how often they are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from airworthy.optimize.statistics import bootstrap, mcnemar, normal_quantile, paired_difference, ratio_of_medians


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (6, 0), (12, 3), (20, 9), (3, 12), (500, 430), (1, 1)])
def test_mcnemar_is_the_binomial_test(lost: int, won: int) -> None:
    expected = stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar(lost, won) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("lost", "won", "rows"), [(0, 1, 44), (9, 5, 120), (3, 30, 500)])
def test_at_each_bound_the_score_statistic_is_the_quantile(lost: int, won: int, rows: int) -> None:
    for sign, bound in zip((1, -1), paired_difference(lost, won, rows), strict=True):

        def likelihood(share: float, bound: float = bound) -> float:
            """Of the rows that are lost with this share, and won with as much as the difference says more."""
            return -float(
                won * np.log(share + bound) + lost * np.log(max(share, 1e-300))
                + (rows - won - lost) * np.log(1 - 2 * share - bound)
            )  # fmt: skip

        least = max(1e-12, 1e-12 - bound)
        share = optimize.minimize_scalar(likelihood, bounds=(least, (1 - bound) / 2 - 1e-12), method="bounded").x
        variance = rows * (2 * share + bound - bound * bound)
        statistic = (won - lost - rows * bound) / np.sqrt(variance)
        assert statistic == pytest.approx(sign * stats.norm.ppf(0.95), abs=5e-3)


def test_the_interval_has_a_width_where_no_row_parts() -> None:
    low, high = paired_difference(0, 0, 360)
    z = normal_quantile(0.95)
    assert (-low, high) == pytest.approx((z * z / (360 + z * z),) * 2, rel=1e-6)


def test_more_rows_make_it_narrower_and_sides_swap() -> None:
    small, large = paired_difference(4, 2, 200), paired_difference(40, 20, 2000)
    assert large.half < small.half
    swapped = paired_difference(2, 4, 200)
    assert (swapped.low, swapped.high) == pytest.approx((-small.high, -small.low), abs=1e-9)


@pytest.mark.parametrize("parted", [0.01, 0.05])
def test_each_bound_holds_nineteen_times_in_twenty(parted: float) -> None:
    random = np.random.default_rng(1)
    below = above = 0
    for _ in range(800):
        lost, won, _ = random.multinomial(1000, [parted * 0.6, parted * 0.4, 1 - parted])
        low, high = paired_difference(int(lost), int(won), 1000)
        below += -0.2 * parted < low
        above += -0.2 * parted > high
    assert below / 800 < 0.07
    assert above / 800 < 0.07


def test_the_bootstrap_is_that_of_scipy() -> None:
    random = np.random.default_rng(2)
    one = random.normal(0, 1, 300)
    two = one + random.normal(0.1, 0.2, 300)
    found = bootstrap(lambda picked: float(two[picked].mean() - one[picked].mean()), 300)
    theirs = stats.bootstrap(
        (two - one,), np.mean, confidence_level=0.9, n_resamples=2000, method="percentile", random_state=3
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_a_drift_of_the_machine_falls_out_of_the_ratio() -> None:
    random = np.random.default_rng(3)
    drift = np.exp(np.linspace(0, 1, 60))
    first = drift * np.exp(random.normal(0, 0.02, 60))
    second = 1.10 * drift * np.exp(random.normal(0, 0.02, 60))
    low, high = ratio_of_medians(first, second, 0.95)
    assert 1.07 < low < 1.10 < high < 1.13
