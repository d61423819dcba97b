"""What a run is worth is learnt from runs, and followed when it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve.costs import FEW, MOST_WORTH, RunCosts


@given(st.floats(1e-4, 1e-1), st.floats(1e-6, 1e-2), st.lists(st.integers(1, 300), min_size=20, max_size=60))
def test_a_line_is_found_again(fixed: float, each: float, work: list[int]) -> None:
    costs = RunCosts()
    for units in (*work, 10, 100, 200):
        costs.learn(units, fixed + each * units)
    line = costs.line
    assert line is not None
    assert line.fixed == pytest.approx(fixed, rel=0.01, abs=each)
    assert line.each == pytest.approx(each, rel=0.01)
    assert line.worth == pytest.approx(min(MOST_WORTH, fixed / each), rel=0.02, abs=1)


def test_runs_that_are_too_few_or_too_alike_tell_nothing() -> None:
    few, alike, falling = RunCosts(), RunCosts(), RunCosts()
    for n in range(FEW - 1):
        few.learn(n + 1, n + 1.0)
    for _ in range(100):
        alike.learn(64, 0.01)
    for n in range(1, 100):
        falling.learn(n, 1.0 / n)
    assert few.line is None
    assert alike.line is None
    assert falling.line is None


def test_what_changes_is_followed() -> None:
    costs = RunCosts()
    for n in range(500):
        costs.learn(1 + n % 50, 0.001 * (1 + n % 50))
    for n in range(500):
        costs.learn(1 + n % 50, 0.05 + 0.001 * (1 + n % 50))
    line = costs.line
    assert line is not None
    assert line.worth == pytest.approx(50, rel=0.05)
