"""A caller gets what it may, never more, and nobody else's; what is kept of callers is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.settings import ServeSettings
from airworthy.serve.access.rate_limits import RateLimit, RateLimits, name_of
from airworthy.serve.errors import LEAST_SPREAD, TooManyRequests, spread
from serve_settings import serve_settings

pauses = st.lists(st.floats(0, 3), min_size=1, max_size=60)


@given(st.floats(0.1, 100), st.integers(1, 50), pauses)
def test_no_stretch_of_time_holds_more_than_burst_and_rate(rate: float, burst: int, between: list[float]) -> None:
    limit, now, admitted = RateLimit(rate, burst), 0.0, []
    for pause in between:
        now += pause
        if limit.time_until("a", now) == 0:
            limit.take("a", now)
            admitted.append(now)
    for first, began in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - began) + 1e-6


@given(st.floats(0.1, 100), st.integers(1, 50), pauses)
def test_who_waits_as_told_is_let_in(rate: float, burst: int, between: list[float]) -> None:
    limit, now = RateLimit(rate, burst), 0.0
    for pause in between:
        now += pause
        now += limit.time_until("a", now) + 1e-6
        assert limit.time_until("a", now) == 0
        limit.take("a", now)


def test_what_one_caller_uses_up_another_still_has() -> None:
    limit = RateLimit(1, 2)
    for _ in range(2):
        limit.take("a", 0.0)
    assert limit.time_until("a", 0.0) == pytest.approx(1)
    assert limit.time_until("b", 0.0) == 0


def test_more_than_a_burst_gets_in_once_nothing_is_owed_and_is_paid_off_after() -> None:
    limit = RateLimit(1000, 1000)
    assert limit.time_until("a", 0.0, 10_000) == 0
    limit.take("a", 0.0, 10_000)
    assert limit.time_until("a", 0.0, 1) == pytest.approx(9.001)
    assert limit.time_until("a", 9.5, 500) == 0


@given(st.lists(st.integers(0, 30), max_size=200))
def test_no_more_callers_are_remembered_than_may_be(asked: list[int]) -> None:
    limit = RateLimit(1, 1, most=8)
    for now, caller in enumerate(asked):
        limit.take(str(caller), float(now))
        assert len(limit) <= 8


def test_requests_at_a_time_are_counted_out_again() -> None:
    callers = RateLimits(serve_settings(callers={"requests": 2}))
    assert [callers.enter("a") for _ in range(3)] == [True, True, False]
    assert callers.enter("b")
    callers.leave("a")
    assert callers.enter("a")
    for caller in ("a", "a", "b"):
        callers.leave(caller)
    assert callers.remembered == 0


def test_nothing_is_limited_by_default() -> None:
    callers = RateLimits(ServeSettings())
    assert not callers.on
    assert callers.try_acquire("a", 0.0, 10**9) == 0
    assert callers.enter("a")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::1", "::2", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
    ],
)
def test_who_shares_a_network_of_ipv6_is_one_caller(one: str, other: str, same: bool) -> None:
    assert (name_of(one, None) == name_of(other, None)) is same


@given(st.text(max_size=60), st.one_of(st.none(), st.binary(max_size=100)))
def test_any_address_and_header_are_a_name_without_the_secret(address: str, named: bytes | None) -> None:
    name = name_of(address, named)
    if named:
        assert len(name) == 65
        assert address == "" or name == name_of("", named)
    else:
        assert len(name) <= max(20, len(address))


def test_those_who_are_refused_together_are_told_to_come_back_apart() -> None:
    told = [spread(0.5) for _ in range(200)]
    assert min(told) >= 0.5
    assert max(told) <= 0.5 + LEAST_SPREAD
    assert max(told) - min(told) > LEAST_SPREAD / 2
    seconds = {TooManyRequests(limit="x", retry_after=0.5).params["retry_after"] for _ in range(200)}
    assert len(seconds) >= 2, "whole seconds are spread as well"
