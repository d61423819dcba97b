"""The simulation of a service beside queueing theory, with the service's own schedulers; loads from words."""

from __future__ import annotations

import math
import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.fit.simulation.cluster import simulate
from airworthy.fit.simulation.load import Load, LoadInvalid, parse
from airworthy.fit.simulation.plan import plan
from airworthy.fit.simulation.replica import BatchReplica, Replica, StreamReplica
from airworthy.serve.scheduling.cost_curve import CostCurve
from airworthy.serve.scheduling.fair_queue import FairQueue
from airworthy.serve.scheduling.queue import RequestQueue
from airworthy.serve.scheduling.scheduler import Limits, Schedulable, Scheduler


def batches(points: list[tuple[float, float]], rows: int = 32) -> Replica:
    def ticket(arrived: float, deadline: float, group: object, count: int, length: int) -> Schedulable:
        del length
        return Schedulable(arrived, deadline, group, count)

    scheduler = Scheduler(Limits(rows=rows))
    scheduler.cost = cost = CostCurve(points)
    return BatchReplica(scheduler, RequestQueue(), ticket, cost)


def stream(slots: int = 4) -> Replica:
    return StreamReplica(FairQueue(), slots, lambda users: 0.02 + 0.002 * users, lambda tokens: tokens * 0.001, 256)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.9])
def test_one_at_a_time_is_the_queue_of_the_textbook(busy: float) -> None:
    """Without batches it is M/D/1: the mean wait is rho S / (2 (1 - rho)), Pollaczek and Khinchine."""
    service = 0.01
    waits = []
    for seed in range(4):
        found = simulate(
            lambda: batches([(1.0, service), (2.0, 2 * service)], rows=1),
            1,
            busy / service,
            prompt=1,
            answer=0,
            count=8000,
            seed=seed,
            vary=False,
        )
        assert not found.lost
        waits.append(statistics.fmean(found.latencies) - service)
    assert statistics.fmean(waits) == pytest.approx(busy * service / (2 * (1 - busy)), rel=0.15)


def test_batches_take_more_than_one_at_a_time() -> None:
    points = [(1.0, 0.01), (32.0, 0.02)]
    alone = simulate(lambda: batches(points, rows=1), 1, 300, prompt=1, answer=0, count=1000)
    together = simulate(lambda: batches(points), 1, 300, prompt=1, answer=0, count=1000)
    assert together.percentile(0.99) < 0.06 < alone.percentile(0.99)


def test_a_stream_writes_all_tokens_of_all_requests() -> None:
    found = simulate(stream, 1, 0.01, prompt=100, answer=50, count=200, vary=False)
    assert found.percentile(0.5) == pytest.approx(0.1 + 49 * 0.022, rel=0.02)
    assert found.percentile(0.5, first=True) == pytest.approx(0.1, rel=0.02)
    busy = simulate(stream, 1, 1.5, prompt=100, answer=50, count=300, vary=False)
    assert busy.percentile(0.99) > found.percentile(0.99)
    assert not busy.lost


def test_a_dead_replica_loses_time_and_no_request() -> None:
    found = simulate(stream, 2, 1.5, prompt=100, answer=50, count=300, fails=(0.3, 0.7))
    whole = simulate(stream, 2, 1.5, prompt=100, answer=50, count=300)
    assert not found.lost
    assert found.percentile(0.99) > whole.percentile(0.99)


def test_a_plan_keeps_what_is_wanted() -> None:
    load = Load(text="", rate=20.0, prompt=100, answer=50, share=0.95, limit=3.0)
    found = plan(stream, load, start=10.0)
    assert 5 <= found.poisson.replicas <= 20
    assert found.poisson.reached <= 3.0
    assert found.bursty.replicas >= found.poisson.replicas
    assert found.one_fails.replicas > found.poisson.replicas
    assert found.doubled > found.poisson.reached
    costs = [count for _, count in found.costs if count]
    assert costs == sorted(costs, reverse=True), "who waits longer needs fewer"
    never = plan(stream, Load(text="", rate=20.0, prompt=100, answer=50, limit=0.5), start=10.0)
    assert never.poisson.replicas == 0
    assert never.alone > 0.5


def test_a_million_requests_a_second_take_no_longer() -> None:
    began = time.process_time()
    found = plan(
        lambda: batches([(1.0, 0.002), (32.0, 0.01)]),
        Load(text="", rate=1e6, prompt=1, limit=0.05),
        start=5.0,
    )
    assert 200 < found.poisson.replicas <= 10_000
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    ("text", "rate", "prompt", "answer", "share", "limit"),
    [
        ("50 req/s, 300 in 200 out tokens, p99 2s", 50, 300, 200, 0.99, 2.0),
        ("1k rps, 128 tokens, p95 < 50ms", 1000, 128, 0, 0.95, 0.05),
        ("600 requests per minute, 10 tokens in, 20 tokens out, p99.9 1 min", 10, 10, 20, 0.999, 60.0),
    ],
)
def test_loads_from_words(text: str, rate: float, prompt: int, answer: int, share: float, limit: float) -> None:
    found = parse(text)
    assert (found.rate, found.prompt, found.answer) == (rate, prompt, answer)
    assert (found.share, found.limit) == (pytest.approx(share), pytest.approx(limit))
    assert parse(f"{text} first token").first


@pytest.mark.parametrize("text", ["", "fast", "50 req/s", "p99 2s", "0 req/s, p99 2s", "5 req/s, p10 2s", "9" * 600])
def test_loads_that_are_not_understood(text: str) -> None:
    with pytest.raises(LoadInvalid):
        parse(text)


@given(st.text(alphabet="0123456789 req/spkmin.outk,<", max_size=60))
def test_any_words_are_a_load_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except LoadInvalid:
        return
    assert 0 < found.rate < math.inf
    assert found.limit > 0
