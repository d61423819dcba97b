"""Some replicas under a stream of requests: arrivals, the choice of a replica, failures, and what came of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import msgspec

from airworthy.fit.simulation.replica import NEVER, Replica, Request

WARM_UP = 0.1
"""The share of the requests that are not counted, since they found idle replicas."""
SPREAD = 0.35
"""The deviation of the logarithm of lengths: requests differ."""
BURSTINESS = 4.0
"""The squared coefficient of variation between arrivals that come in bursts; 1 is Poisson."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a simulation."""

    latencies: tuple[float, ...]
    """Seconds to the whole answer, sorted."""
    firsts: tuple[float, ...]
    """Seconds to the first token, sorted."""
    lost: int
    """Requests that were not answered by the end."""

    def percentile(self, share: float, *, first: bool = False) -> float:
        """The latency that a share of the requests keeps; without end where requests were lost to an overload."""
        times = self.firsts if first else self.latencies
        if not times:
            return math.inf
        place = math.ceil(share * (len(times) + self.lost)) - 1
        return times[place] if place < len(times) else math.inf


def arrivals(rate: float, count: int, generator: random.Random, *, bursty: bool = False) -> Iterator[float]:
    """When requests come: a Poisson process, or one whose gaps follow a gamma distribution of the same mean."""
    now, shape = 0.0, 1 / BURSTINESS
    for _ in range(count):
        now += generator.gammavariate(shape, 1 / (rate * shape)) if bursty else generator.expovariate(rate)
        yield now


def varied(mean: int, generator: random.Random) -> int:
    """A length around a mean."""
    if mean <= 1:
        return mean
    return max(1, round(mean * math.exp(generator.gauss(-SPREAD * SPREAD / 2, SPREAD))))


def simulate(
    make: Callable[[], Replica],
    replicas: int,
    rate: float,
    *,
    prompt: int,
    answer: int,
    count: int = 1000,
    bursty: bool = False,
    fails: tuple[float, float] | None = None,
    seed: int = 1,
    vary: bool = True,
) -> Outcome:
    """Send requests to replicas, each to the one that has the least to do.

    Args:
        make: makes an idle replica.
        replicas: how many there are.
        rate: requests a second, to all together.
        prompt: tokens of a prompt on the average, or of a text.
        answer: tokens of an answer on the average.
        count: requests that are sent.
        bursty: whether they come in bursts.
        fails: when the first replica dies, and when it is back, as shares of the time in which requests come.
        seed: of the random numbers.
        vary: whether lengths vary.
    """
    generator = random.Random(seed)  # noqa: S311 - simulated arrivals
    times = list(arrivals(rate, count, generator, bursty=bursty))
    pool = [make() for _ in range(replicas)]
    upcoming = [0]
    for each in pool:
        if hasattr(each, "horizon"):
            each.horizon = lambda: times[upcoming[0]] if upcoming[0] < count else NEVER
    down, back = (times[-1] * fails[0], times[-1] * fails[1]) if fails else (NEVER, NEVER)
    alive = list(range(replicas))
    sent: list[Request] = []
    events = [each.next_event() for each in pool]
    limit = times[-1] * 3 + 60.0
    while True:
        soonest = min(events) if events else NEVER
        coming = times[upcoming[0]] if upcoming[0] < count else NEVER
        now = min(soonest, coming, down, back)
        if now == NEVER or now > limit:
            break
        if now == down:
            down = NEVER
            returned = pool[0].fail(now)
            events[0] = NEVER
            alive = [index for index in alive if index]
            for request in returned if alive else ():
                _send(pool, alive, events, request, now)
        elif now == back:
            back = NEVER
            alive = sorted({0, *alive})
        elif now == coming:
            upcoming[0] += 1
            request = Request(
                now,
                varied(prompt, generator) if vary else prompt,
                varied(answer, generator) if vary else answer,
            )
            sent.append(request)
            if alive:
                _send(pool, alive, events, request, now)
        else:
            index = events.index(soonest)
            pool[index].advance(now)
            events[index] = pool[index].next_event()
    counted = sent[int(WARM_UP * len(sent)) :]
    done = [each for each in counted if each.ended < NEVER]
    return Outcome(
        latencies=tuple(sorted(each.ended - each.arrived for each in done)),
        firsts=tuple(sorted(each.first - each.arrived for each in done)),
        lost=len(counted) - len(done),
    )


def _send(pool: list[Replica], alive: list[int], events: list[float], request: Request, now: float) -> None:
    index = min(alive, key=lambda each: pool[each].load())
    pool[index].add(request, now)
    events[index] = pool[index].next_event()
