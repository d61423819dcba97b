"""An hour at 70 % of what a service can do: whether memory, descriptors or latency creep.

    python benchmarks/soak.py                              # the digits example, an hour
    python benchmarks/soak.py --seconds 180 --window 60    # to see that it works
    python benchmarks/soak.py --model FOLDER --json soak.json

Memory is that of each process alone (USS), sampled each 10 s; a sixth of the time, at most ten minutes, is a window of
latencies. The first window's memory counts from its middle, when caches and allocators have settled.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from pathlib import Path

from services import Service, Usage, digits, serving, verdict

from airworthy.observe.load import Outcome, closed_loop, http_request, open_loop
from airworthy.observe.requests import target

SAMPLE = 10.0
"""Seconds between two samples."""
CONNECTIONS = 128
"""Connections of the load at the most."""
MOST_GROWTH = 0.01
"""The share by which memory may grow."""
MOST_DRIFT = 0.10
"""The share by which the last window's p99 may differ from the first one's."""


def main() -> int:
    """Measure and print; 1 where a demand is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="the model; the digits example by default")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--window", type=float, help="seconds of a window of latencies")
    parser.add_argument("--share", type=float, default=0.7, help="of the capacity")
    parser.add_argument("--rate", type=float, help="requests a second, instead of a share of the capacity found")
    parser.add_argument("--json", type=Path, help="a file for all samples")
    given = parser.parse_args()
    window = given.window or min(600.0, given.seconds / 6)
    samples: list[tuple[float, Usage]] = []
    outcomes: list[Outcome] = []
    with serving(given.model or digits()) as service:
        asked = target(service.url)
        requests = [http_request(asked.host, asked.path, body) for body in asked.bodies]
        capacity = max(
            closed_loop(asked.host, asked.port, requests, clients=clients, seconds=min(5.0, window / 4)).rate
            for clients in (8, 32)
        )
        rate = given.rate or given.share * capacity
        print(f"capacity {capacity:.0f}/s, load {rate:.0f}/s, windows of {window:g} s", flush=True)
        over = threading.Event()
        began = time.monotonic()
        sampler = threading.Thread(target=_sample, args=(service, samples, began, over), daemon=True)
        sampler.start()
        while time.monotonic() - began < given.seconds:
            seed = len(outcomes) + 1
            found = open_loop(
                asked.host, asked.port, requests, rate=rate, seconds=window, warm_up=0.0, most=CONNECTIONS, seed=seed
            )
            outcomes.append(found)
            last = samples[-1][1]
            print(
                f"{time.monotonic() - began:7.0f} s  {found.rate:8.1f}/s  p50 {1000 * found.percentile(0.5):7.2f} ms  "
                f"p99 {1000 * found.percentile(0.99):7.2f} ms  gateway {last.gateway:.1f} MiB  "
                f"workers {last.workers:.1f} MiB  files {last.descriptors}",
                flush=True,
            )
        over.set()
        sampler.join()
        restarts = service.metric("airworthy_worker_ends_total")
    return report(given, window, samples, outcomes, restarts)


def _sample(service: Service, samples: list[tuple[float, Usage]], began: float, over: threading.Event) -> None:
    while True:
        samples.append((round(time.monotonic() - began, 1), service.usage()))
        if over.wait(SAMPLE):
            return


def report(
    given: argparse.Namespace,
    window: float,
    samples: list[tuple[float, Usage]],
    outcomes: list[Outcome],
    restarts: float,
) -> int:
    """Print the verdicts and write the samples; 1 where a demand is missed."""
    end = samples[-1][0]
    early = [usage for at, usage in samples if window / 2 <= at <= window] or [samples[0][1]]
    late = [usage for at, usage in samples if at >= end - window / 2]
    demands = []
    for name in ("gateway", "workers"):
        first, last = (statistics.median(getattr(each, name) for each in part) for part in (early, late))
        grown = last / first - 1
        text = f"{name}: {first:.2f} to {last:.2f} MiB, {100 * grown:+.2f} %, under {100 * MOST_GROWTH:g} %"
        demands.append((grown < MOST_GROWTH, text))
    files = max(usage.descriptors for usage in early), min(usage.descriptors for usage in late)
    demands.append((files[1] <= files[0], f"open files: {files[0]} in the first window, {files[1]} in the last"))
    p99 = [outcome.percentile(0.99) for outcome in outcomes]
    drift = p99[-1] / p99[0] - 1 if p99[0] else float("inf")
    text = f"p99 {1000 * p99[0]:.2f} to {1000 * p99[-1]:.2f} ms, {100 * drift:+.1f} %, within {100 * MOST_DRIFT:g} %"
    demands.append((drift <= MOST_DRIFT, text))
    statuses: dict[int, int] = {}
    for outcome in outcomes:
        for status, count in outcome.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    lost = sum(outcome.lost + outcome.unanswered for outcome in outcomes)
    demands.append((set(statuses) == {200} and not lost, f"answers {statuses}, {lost} lost"))
    demands.append((restarts == 0, f"{restarts:.0f} workers ended"))
    verdicts = [verdict(met, text) for met, text in demands]
    good = all(verdicts)
    if given.json:
        document = {
            "seconds": end,
            "window": window,
            "samples": [{"at": at, **usage._asdict()} for at, usage in samples],
            "p99_ms": [1000 * value for value in p99],
            "statuses": statuses,
            "verdicts": [{"met": met, "text": text} for met, text in demands],
        }
        given.json.write_text(json.dumps(document, indent=1))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
