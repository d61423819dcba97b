"""What a run costs is learnt from runs, and followed when it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve.scheduling.cost_curve import UNKNOWN, CostCurve, RunCosts

amounts = st.integers(1, 3000)
points = st.lists(st.tuples(amounts.map(float), st.floats(1e-6, 10)), max_size=12)


@given(points, amounts, amounts)
def test_more_work_never_costs_less(known: list[tuple[float, float]], one: int, other: int) -> None:
    cost = CostCurve(known)
    less, more = sorted((one, other))
    assert 0 < cost(less) <= cost(more) + 1e-9


def test_a_curve_goes_through_what_is_known() -> None:
    cost = CostCurve([(8, 0.0034), (24, 0.0065), (64, 0.0155), (128, 0.032)])
    assert cost(8) == pytest.approx(0.0034)
    assert cost(96) == pytest.approx(0.02375)
    assert cost(2000) == pytest.approx(0.032 + 1872 * 0.0165 / 64), "as steep as at the end"
    assert 0.0017 <= cost(1) < 0.0034
    unknown = CostCurve()
    assert 2 * unknown(10) - unknown(20) == pytest.approx(UNKNOWN)


def test_runs_draw_the_curve_and_draw_it_again_when_they_change() -> None:
    def processor(work: int) -> float:
        return 0.002 + 0.00025 * work

    costs = RunCosts()
    for n in range(400):
        work = 1 + 37 * n % 250
        costs.learn(work, processor(work))
    for work in (10, 50, 100, 200):
        assert costs.curve(work) == pytest.approx(processor(work), rel=0.05)
    for n in range(4000):
        work = 1 + 37 * n % 250
        costs.learn(work, 3 * processor(work))
    for work in (10, 50, 100, 200):
        assert costs.curve(work) == pytest.approx(3 * processor(work), rel=0.05)


def test_what_a_search_found_counts_until_runs_outweigh_it() -> None:
    costs = RunCosts([(10, 0.01), (100, 0.1)])
    for _ in range(16):
        costs.learn(100, 0.2)
    assert 0.11 < costs.curve(100) < 0.19
    assert costs.curve(10) == pytest.approx(0.01)
