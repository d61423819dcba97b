"""What requests may say of their turn and their time."""

from __future__ import annotations

from typing import Any

import pytest

from airworthy.serve.errors import InvalidRequest
from airworthy.serve.protocols import priorities
from airworthy.serve.scheduling.request_options import Priority


@pytest.mark.parametrize(("level", "priority"), [(0, 0), (1, -1), (2, 0), (3, 1), (2**40, 1)])
def test_levels_as_triton_has_them(level: int, priority: int) -> None:
    assert priorities.by_level(level, may_be_high=True) == Priority(priority)
    assert priorities.by_level(level, may_be_high=False) == Priority(max(0, priority)), "nobody is let before others"


@pytest.mark.parametrize(("order", "priority"), [(0, 0), (-1, -1), (-(2**40), -1), (1, 1), (99, 1)])
def test_orders_as_vllm_has_them(order: int, priority: int) -> None:
    assert priorities.by_order(order, may_be_high=True) == Priority(priority)
    assert priorities.by_order(order, may_be_high=False) == Priority(max(0, priority))


def test_times_are_microseconds() -> None:
    assert priorities.timeout({}) == 0
    assert priorities.timeout({"timeout": 250_000}) == 0.25


@pytest.mark.parametrize("value", [-1, 1.5, "1", True, None, [1], 2**70])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="a whole number from 0"):
        priorities.by_level(value, may_be_high=True)
    with pytest.raises(InvalidRequest, match="`timeout`"):
        priorities.timeout({"timeout": value})
    if value != -1:
        with pytest.raises(InvalidRequest, match="`priority` is a whole number"):
            priorities.by_order(value, may_be_high=True)
