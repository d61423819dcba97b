"""How many decisions and requests a second the scheduler alone can make."""

from __future__ import annotations

import random
import statistics
import time
from collections import deque

from timing import table

from airworthy.serve.scheduling.scheduler import Batch, Limits, Schedulable, Scheduler

SECONDS = 0.5
ROUNDS = 5


def rate(waiting: int, *, texts: bool) -> tuple[float, float]:
    """Decisions and requests a second with so many tickets in the queue, kept full."""
    generator = random.Random(waiting)
    scheduler = Scheduler(Limits())
    queue: deque[Schedulable] = deque(_ticket(generator, texts) for _ in range(waiting))
    decisions = requests = 0
    began = time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        decision = scheduler.step(1.0, queue)
        assert isinstance(decision, Batch)
        gone = set(map(id, decision.tickets))
        queue = deque(ticket for ticket in queue if id(ticket) not in gone)
        queue.extend(_ticket(generator, texts) for _ in gone)
        decisions += 1
        requests += len(gone)
    seconds = time.perf_counter() - began
    return decisions / seconds, requests / seconds


def _ticket(generator: random.Random, texts: bool) -> Schedulable:
    return Schedulable(0.0, 30.0, "g", 1, generator.randint(5, 200) if texts else 0)


def main() -> None:
    """Measure and print."""
    rows = []
    for texts in (False, True):
        for waiting in (1, 32, 256):
            samples = [rate(waiting, texts=texts) for _ in range(ROUNDS)]
            decisions, requests = (statistics.median(column) for column in zip(*samples, strict=True))
            kind = "texts of 5 to 200 tokens" if texts else "rows of one shape"
            rows.append((kind, waiting, f"{decisions:,.0f}", f"{requests:,.0f}"))
    table(f"Scheduler, median of {ROUNDS}", ("queue of", "waiting", "decisions/s", "requests/s"), rows)


if __name__ == "__main__":
    main()
