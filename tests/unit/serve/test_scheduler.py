"""The scheduler's promises, for any queue."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve.scheduling.cost_curve import UNKNOWN
from airworthy.serve.scheduling.scheduler import Batch, Limits, Schedulable, Scheduler, Wait

limits = st.builds(
    Limits,
    rows=st.integers(1, 16),
    tokens=st.integers(8, 512),
    wait=st.sampled_from([0.0, 0.0, 0.01]),
)
tickets = st.builds(
    Schedulable,
    arrived=st.floats(0, 1),
    deadline=st.just(30.0),
    group=st.sampled_from(["a", "b"]),
    rows=st.integers(1, 4),
    length=st.sampled_from([0, 0, 5, 8, 40, 200]),
    isolated=st.sampled_from([False, False, False, True]),
)
queues = st.lists(tickets, max_size=40).map(lambda queue: sorted(queue, key=lambda ticket: ticket.arrived))


@given(limits, queues)
def test_a_batch_keeps_its_bounds(bounds: Limits, queue: list[Schedulable]) -> None:
    decision = Scheduler(bounds).step(100.0, queue)
    if not queue:
        assert decision == Wait(None)
        return
    assert isinstance(decision, Batch)
    chosen = decision.tickets
    assert chosen[0] is queue[0], "the oldest runs next"
    assert len(set(map(id, chosen))) == len(chosen)
    assert all(any(ticket is waiting for waiting in queue) for ticket in chosen)
    if len(chosen) > 1:
        assert {ticket.group for ticket in chosen} == {queue[0].group}
        assert not any(ticket.isolated for ticket in chosen)
        assert sum(ticket.rows for ticket in chosen) <= bounds.rows
        if queue[0].length:
            padded = sum(ticket.rows for ticket in chosen) * max(ticket.length for ticket in chosen)
            used = sum(ticket.rows * ticket.length for ticket in chosen)
            assert padded <= bounds.tokens
            assert padded - used <= UNKNOWN * (len(chosen) - 1) + 1e-6, "each run saved was worth its padding"


@given(limits, queues)
def test_everything_runs_once_and_the_first_is_never_passed_over(bounds: Limits, queue: list[Schedulable]) -> None:
    scheduler, left, seen = Scheduler(bounds), list(queue), []
    while left:
        decision = scheduler.step(100.0, left)
        assert isinstance(decision, Batch)
        seen.extend(decision.tickets)
        gone = set(map(id, decision.tickets))
        left = [ticket for ticket in left if id(ticket) not in gone]
    assert sorted(map(id, seen)) == sorted(map(id, queue))


def test_a_batch_may_wait_for_company_and_no_longer() -> None:
    scheduler = Scheduler(Limits(rows=4, wait=0.5))
    queue = [Schedulable(10.0, 40.0), Schedulable(10.2, 40.0)]
    assert scheduler.step(10.3, queue) == Wait(10.5)
    assert isinstance(scheduler.step(10.5, queue), Batch)
    full = [*queue, Schedulable(10.3, 40.0), Schedulable(10.3, 40.0)]
    decision = scheduler.step(10.3, full)
    assert isinstance(decision, Batch)
    assert len(decision.tickets) == 4


def test_texts_of_like_length_run_together() -> None:
    queue = [Schedulable(0.0, 9.0, length=length) for length in (10, 200, 11, 190, 9)]
    decision = Scheduler(Limits(rows=8, tokens=64)).step(1.0, queue)
    assert isinstance(decision, Batch)
    assert sorted(ticket.length for ticket in decision.tickets) == [9, 10, 11]


def test_texts_of_one_length_alone_run_together_where_the_model_sees_its_padding() -> None:
    queue = [Schedulable(0.0, 9.0, length=length) for length in (10, 11, 10, 12, 10)]
    decision = Scheduler(Limits(rows=8, tokens=256, padding=False)).step(1.0, queue)
    assert isinstance(decision, Batch)
    assert [ticket.length for ticket in decision.tickets] == [10, 10, 10]


def test_padding_is_weighed_against_the_run_that_it_saves() -> None:
    queue = [Schedulable(0.0, 9.0, length=length) for length in (100, 88)]
    scheduler = Scheduler(Limits(rows=8, tokens=256))
    for worth, together in ((8.0, 1), (12.0, 2)):
        scheduler.cost = lambda work, worth=worth: worth + work
        decision = scheduler.step(1.0, queue)
        assert isinstance(decision, Batch)
        assert len(decision.tickets) == together


@given(limits, queues, st.integers(2, 4))
def test_nobody_takes_more_than_a_share_while_others_are_free(
    bounds: Limits, queue: list[Schedulable], free: int
) -> None:
    decision = Scheduler(bounds).step(100.0, queue, free)
    if isinstance(decision, Wait) or len(decision.tickets) == 1:
        return
    chosen = decision.tickets
    padded = bool(chosen[0].length)
    work, total = (sum(t.work if padded else t.rows for t in tickets) for tickets in (chosen, queue))
    assert work <= -(-total // free)


def test_a_request_larger_than_the_bounds_still_runs() -> None:
    big = Schedulable(0.0, 9.0, rows=100)
    decision = Scheduler(Limits(rows=8)).step(1.0, [big, Schedulable(0.0, 9.0)])
    assert isinstance(decision, Batch)
    assert decision.tickets == (big,)
