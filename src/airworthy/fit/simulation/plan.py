"""How many replicas keep a latency under a load: the most that one replica takes is found by simulating some of them.

Replicas beyond `POOL` behave like those: each gets its share of the requests. So the time that this takes does not grow
with the load.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from airworthy.fit.simulation.cluster import Outcome, simulate
from airworthy.fit.simulation.load import Load
from airworthy.fit.simulation.replica import Replica

POOL = 4
"""Replicas that are simulated together for a larger number."""
REQUESTS = 600
"""Requests of a simulation that looks for the capacity."""
FINAL = 1500
"""Requests of one that is reported."""
LONGEST = 4000
"""Requests of such a simulation at the most."""
LASTING = 5.0
"""Times the wanted latency that requests come for."""
LASTING_WORK = 1500
"""Requests that wait at once where the most that a pool gets through is looked for."""
STABLE = 0.98
"""The share of the most that a pool gets through above which its queue grows for ever."""
ROUNDS = 7
"""Halvings of the interval that the capacity lies in: it is then known within 1 % of the most there is."""
MAX_REPLICAS = 10_000
"""Replicas beyond which the answer is that the load is too large."""
LOADS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1)
"""Shares of the capacity that the curve of latency has a point at."""
LIMITS = (0.5, 0.7, 1.0, 2.0, 4.0)
"""Multiples of the wanted latency that the curve of cost has a point at."""


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """How many replicas one kind of arrivals takes."""

    replicas: int
    """How many; 0 where no number keeps the latency, since not even an idle replica does."""
    each: float
    """Requests a second that each takes."""
    reached: float
    """The latency in seconds that the wanted share of the requests keeps then."""


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for a load."""

    alone: float
    """Seconds that a request takes on an idle replica, the wanted percentile."""
    poisson: Sized
    """With requests that come independently."""
    bursty: Sized
    """With requests that come in bursts."""
    one_fails: Sized
    """With one replica dead for a part of the time."""
    start: float
    """Seconds until a new replica answers."""
    doubled: float
    """The latency, wanted percentile, of the seconds in which the load has doubled and no new replica is there yet."""
    curve: tuple[tuple[float, float, float], ...]
    """Requests a second in all, and the latency at p50 and at the wanted percentile."""
    costs: tuple[tuple[float, int], ...]
    """Wanted latency in seconds, and the replicas that it takes."""


def plan(make: Callable[[], Replica], load: Load, *, start: float) -> LoadPlan:
    """Size a service for a load.

    Args:
        make: makes an idle replica.
        load: the requests and the latency.
        start: seconds until a new replica answers.
    """

    def outcome(rate: float, count: int, replicas: int, **options: object) -> Outcome:
        return simulate(
            make,
            replicas,
            rate,
            prompt=load.prompt,
            answer=load.answer,
            count=count,
            **options,  # type: ignore[arg-type]
        )

    def lasting(rate: float, limit: float) -> int:
        """Requests of a run: one that is short ends before a queue that grows for ever is long."""
        return int(min(LONGEST, max(REQUESTS, LASTING * limit * rate)))

    def latency(found: Outcome) -> float:
        return found.percentile(load.share, first=load.first)

    idle = simulate(make, 1, 1e-6, prompt=load.prompt, answer=load.answer, count=200)
    alone = latency(idle)

    most = _saturated(outcome)

    def capacity(limit: float, replicas: int, **options: object) -> float:
        """The most requests a second that so many take together."""
        if alone > limit:
            return 0.0
        low, high = 0.0, STABLE * most * replicas / POOL
        for _ in range(ROUNDS):
            middle = (low + high) / 2
            keeps = latency(outcome(middle, lasting(middle, limit), replicas, **options)) <= limit
            low, high = (middle, high) if keeps else (low, middle)
        return low

    def sized(limit: float, pool_rate: float, **options: object) -> Sized:
        if alone > limit or not pool_rate:
            return Sized(replicas=0, each=0.0, reached=math.inf)
        count = math.ceil(load.rate / (pool_rate / POOL))
        if count > MAX_REPLICAS:
            return Sized(replicas=0, each=pool_rate / POOL, reached=math.inf)
        found = None
        for number in range(max(1, min(count, 2 * POOL) - 2), 2 * POOL + 1) if count <= 2 * POOL else ():
            if load.rate > STABLE * most * number / POOL:
                continue
            # A few replicas share what comes less evenly than many do: they are simulated as they are.
            found = outcome(load.rate, lasting(load.rate, limit), number, **options)
            if latency(found) <= limit:
                count = number
                break
        if found is None or latency(found) > limit:
            found = outcome(load.rate * POOL / count, FINAL, POOL, **options)
        return Sized(replicas=count, each=load.rate / count, reached=latency(found))

    pool_rate = capacity(load.limit, POOL)
    poisson = sized(load.limit, pool_rate)
    bursty = sized(load.limit, capacity(load.limit, POOL, bursty=True), bursty=True)
    one_fails = _one_fails(poisson, load, outcome, latency)
    return LoadPlan(
        alone=alone,
        poisson=poisson,
        bursty=bursty,
        one_fails=one_fails,
        start=start,
        doubled=_doubled(poisson, load, start, outcome, latency),
        curve=_curve(poisson, load, pool_rate, outcome),
        costs=tuple(
            (limit, poisson.replicas if limit == load.limit else sized(limit, capacity(limit, POOL)).replicas)
            for limit in (load.limit * each for each in LIMITS)
        ),
    )


def _saturated(outcome: Callable[..., Outcome]) -> float:
    """Requests a second that a pool gets through when more than enough wait."""
    times = outcome(1e9, LASTING_WORK, POOL).latencies
    first, last = int(0.1 * len(times)), int(0.8 * len(times))
    return (last - first) / max(1e-9, times[last] - times[first])


def _one_fails(
    poisson: Sized, load: Load, outcome: Callable[..., Outcome], latency: Callable[[Outcome], float]
) -> Sized:
    """So many that the latency is kept while one of them is dead and started again."""
    if not poisson.replicas:
        return poisson
    for count in range(poisson.replicas + 1, poisson.replicas + 4):
        if count > 2 * POOL:
            return Sized(replicas=poisson.replicas + 1, each=load.rate / count, reached=poisson.reached)
        found = outcome(load.rate, REQUESTS, count, fails=(0.3, 0.7))
        if latency(found) <= load.limit:
            break
    return Sized(replicas=count, each=load.rate / count, reached=latency(found))


def _doubled(
    poisson: Sized, load: Load, start: float, outcome: Callable[..., Outcome], latency: Callable[[Outcome], float]
) -> float:
    if not poisson.replicas:
        return math.inf
    pool = min(POOL, poisson.replicas)
    rate = 2 * load.rate * pool / poisson.replicas
    return latency(outcome(rate, max(50, min(FINAL, int(rate * start))), pool))


def _curve(
    poisson: Sized, load: Load, pool_rate: float, outcome: Callable[..., Outcome]
) -> tuple[tuple[float, float, float], ...]:
    if not poisson.replicas:
        return ()
    pool = min(POOL, poisson.replicas)
    most = pool_rate * pool / POOL
    scale = poisson.replicas / pool
    points = []
    for share in LOADS:
        found = outcome(most * share, REQUESTS, pool)
        points.append(
            (
                most * share * scale,
                found.percentile(0.5, first=load.first),
                found.percentile(load.share, first=load.first),
            )
        )
    return tuple(points)
