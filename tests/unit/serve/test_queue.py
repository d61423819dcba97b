"""The queue keeps count of its work, and the forecast of what work takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve.scheduling.queue import RequestQueue
from airworthy.serve.scheduling.scheduler import Schedulable
from airworthy.serve.scheduling.wait_estimate import MIN_OBSERVATIONS, WaitEstimator


@given(st.lists(st.tuples(st.sampled_from(["append", "back", "take", "keep"]), st.integers(0, 9)), max_size=40))
def test_the_work_is_always_that_of_the_tickets(steps: list[tuple[str, int]]) -> None:
    waiting: RequestQueue[Schedulable] = RequestQueue()
    mirror: list[Schedulable] = []
    for step, number in steps:
        if step == "append":
            ticket = Schedulable(0.0, 9.0, rows=number + 1, length=number)
            waiting.append(ticket)
            mirror.append(ticket)
        elif step == "back":
            tickets = [Schedulable(0.0, 9.0, rows=number + 1), Schedulable(0.0, 9.0)]
            waiting.put_back(tickets)
            mirror[:0] = tickets
        elif step == "take":
            chosen = [ticket for position, ticket in enumerate(mirror) if position % (number + 1) == 0]
            waiting.take(chosen)
            mirror = [ticket for ticket in mirror if ticket not in chosen]
        else:
            waiting.keep(lambda ticket, least=number: ticket.rows > least)
            mirror = [ticket for ticket in mirror if ticket.rows > number]
        assert list(waiting) == mirror
        assert waiting.work == sum(ticket.rows * max(1, ticket.length) for ticket in mirror)


@pytest.mark.parametrize("lanes", [1, 2])
def test_the_wait_is_foretold_from_the_pace_of_all_lanes(lanes: int) -> None:
    forecast = WaitEstimator()
    assert forecast.wait(100, 10) == 0
    for number in range(40):  # each run of 10 units takes 0.1 s, `lanes` of them at a time
        sent = (number // lanes) * 0.1
        forecast.learn(sent, sent + 0.1, 10, 0.1)
    assert forecast.wait(0, 0) == 0
    assert forecast.wait(1000, 500) == pytest.approx(0.1 + 1000 * 0.01 / lanes, rel=0.3)


def test_large_requests_are_not_held_to_cost_what_as_many_small_ones_do() -> None:
    forecast = WaitEstimator()
    for number in range(200):  # a run takes 1 ms, and 1 µs for each of its 1 to 64 rows
        rows = 1 + 13 * number % 64
        forecast.learn(float(number), number + 0.001 + rows * 1e-6, rows, 0.001)
    assert forecast.wait(300_000, 3) == pytest.approx(0.3, rel=0.2)
    assert forecast.wait(256, 256) < 0.05


def test_too_little_foretells_nothing() -> None:
    forecast = WaitEstimator()
    for _ in range(MIN_OBSERVATIONS - 1):
        forecast.learn(0.0, 5.0, 1, 5.0)
    assert forecast.wait(10**6, 1) == 0


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from([-2.5, 0.0, 2.5])), max_size=40))
def test_turns_are_kept_and_equals_stay_in_order(asked: list[tuple[float, float]]) -> None:
    waiting: RequestQueue[Schedulable] = RequestQueue()
    tickets = []
    for arrived, start in sorted(asked, key=lambda each: each[0]):
        ticket = Schedulable(arrived, arrived + 10)
        ticket.rank += start
        tickets.append(ticket)
        waiting.append(ticket)
    assert list(waiting) == sorted(tickets, key=lambda ticket: ticket.rank)
