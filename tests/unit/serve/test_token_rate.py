"""How fast tokens are got through, and what is foretold of it."""

from __future__ import annotations

import pytest

from airworthy.serve.scheduling.token_rate import TokenRate


def _busy_for(rate: TokenRate, seconds: int, tokens: int, start: float = 0.0) -> float:
    rate.is_busy(True, start)
    for second in range(1, seconds + 1):
        rate.learn(tokens, start + second)
    rate.is_busy(False, start + seconds)
    return start + seconds


def test_nothing_is_foretold_before_anything_was_seen() -> None:
    rate = TokenRate()
    _busy_for(rate, 2, 100)
    assert (rate.per_second, rate.seconds(1000, 10)) == (0.0, 0.0)


def test_idle_time_does_not_count() -> None:
    rate = TokenRate()
    end = _busy_for(rate, 10, 100)
    _busy_for(rate, 10, 100, end + 1000.0)
    assert rate.per_second == pytest.approx(100.0)


def test_waiting_requests_are_taken_for_usual_ones_but_for_no_more_than_they_may_take() -> None:
    rate = TokenRate()
    _busy_for(rate, 10, 100)
    assert rate.seconds(100_000, 5) == pytest.approx(5.0)
    assert rate.seconds(50, 5) == pytest.approx(0.5)
