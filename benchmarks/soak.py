"""An hour at 70 % of what a service can do: whether memory, descriptors or latency creep.

    python benchmarks/soak.py                              # the digits example, an hour
    python benchmarks/soak.py --seconds 180 --window 60    # to see that it works
    python benchmarks/soak.py --model FOLDER --json soak.json

Memory is that of each process alone (USS), sampled each 10 s; a sixth of the time, at most ten minutes, is a window of
latencies, with connections of its own. The first window's memory counts from its middle, when caches and allocators
have settled. How fast the machine is at the time is sampled with a piece of work that is always the same, so that a
slower neighbour can be told from a slower service.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from services import Service, Usage, digits, loading, serving, verdict
from serving import loadgen

from airworthy.observe.requests import target

SAMPLE = 10.0
"""Seconds between two samples."""
CONNECTIONS = 128
"""Connections of the load, as of a client's pool."""
LATE = 1 << 20
"""Arrivals that may wait for one of them; their wait counts."""
CLIENTS = (8, 32, 128)
"""Clients of the closed loops that find the capacity."""
WORK = bytes(1 << 20)
"""What is hashed to tell the machine's speed."""
LOST = ("refused", "connect_error", "reset", "bad_response", "timeout", "left_hanging", "unsent")
"""What the load generator counts beside answers."""
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
    samples: list[Sample] = []
    windows: list[dict[str, Any]] = []
    with serving(given.model or digits()) as service:
        asked = target(service.url)
        with loading(asked) as (program, bodies):
            where = (program, asked.port, asked.path, bodies)
            seconds = min(5.0, window / 6)
            tried = [loadgen.closed(*where, clients=each, seconds=seconds, warm=seconds / 2) for each in CLIENTS]
            capacity = max(each["rps"] for each in tried)
            rate = given.rate or given.share * capacity
            print(f"capacity {capacity:.0f}/s, load {rate:.0f}/s, windows of {window:g} s", flush=True)
            over = threading.Event()
            began = time.monotonic()
            sampler = threading.Thread(target=_sample, args=(service, samples, began, over), daemon=True)
            sampler.start()
            while time.monotonic() - began < given.seconds:
                found = loadgen.opened(*where, rate=rate, seconds=window, connections=CONNECTIONS, late=LATE)
                windows.append(found)
                last = samples[-1]
                print(
                    f"{time.monotonic() - began:7.0f} s  {found['rps']:8.1f}/s  p50 {found['p50_ms']:7.2f} ms  "
                    f"p99 {found['p99_ms']:7.2f} ms  gateway {last.usage.gateway:.1f} MiB  "
                    f"workers {last.usage.workers:.1f} MiB  files {last.usage.descriptors}  "
                    f"work {1000 * last.work:.2f} ms",
                    flush=True,
                )
            over.set()
            sampler.join()
        restarts = service.metric("airworthy_worker_ends_total")
    return report(given, window, samples, windows, restarts)


class Sample(NamedTuple):
    """One look at the service and at the machine."""

    at: float
    """Seconds since the start."""
    usage: Usage
    """What the service holds."""
    work: float
    """Seconds that the machine took for the piece of work, the best of five."""


def _sample(service: Service, samples: list[Sample], began: float, over: threading.Event) -> None:
    while True:
        work = min(_work() for _ in range(5))
        samples.append(Sample(round(time.monotonic() - began, 1), service.usage(), work))
        if over.wait(SAMPLE):
            return


def _work() -> float:
    began = time.perf_counter()
    hashlib.sha256(WORK).digest()
    return time.perf_counter() - began


def report(
    given: argparse.Namespace,
    window: float,
    samples: list[Sample],
    windows: list[dict[str, Any]],
    restarts: float,
) -> int:
    """Print the verdicts and write the samples; 1 where a demand is missed."""
    end = samples[-1].at
    early = [each.usage for each in samples if window / 2 <= each.at <= window] or [samples[0].usage]
    late = [each.usage for each in samples if each.at >= end - window / 2]
    demands = []
    for name in ("gateway", "workers"):
        first, last = (statistics.median(getattr(each, name) for each in part) for part in (early, late))
        grown = last / first - 1
        text = f"{name}: {first:.2f} to {last:.2f} MiB, {100 * grown:+.2f} %, under {100 * MOST_GROWTH:g} %"
        demands.append((grown < MOST_GROWTH, text))
    files = max(usage.descriptors for usage in early), min(usage.descriptors for usage in late)
    demands.append((files[1] <= files[0], f"open files: {files[0]} in the first window, {files[1]} in the last"))
    p99 = [each["p99_ms"] for each in windows]
    drift = p99[-1] / p99[0] - 1 if p99[0] else float("inf")
    text = f"p99 {p99[0]:.2f} to {p99[-1]:.2f} ms, {100 * drift:+.1f} %, within {100 * MOST_DRIFT:g} %"
    demands.append((drift <= MOST_DRIFT, text))
    statuses: dict[str, int] = {}
    for each in windows:
        for status, count in each["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    lost = sum(each[name] for each in windows for name in LOST)
    demands.append((set(statuses) == {"200"} and not lost, f"answers {statuses}, {lost} lost or not sent"))
    demands.append((restarts == 0, f"{restarts:.0f} workers ended"))
    speeds = [statistics.median(each.work for each in part) for part in (samples[: len(early)], samples[-len(late) :])]
    first, last = (1000 * speed for speed in speeds)
    print(f"        the same work took {first:.2f} ms at the beginning and {last:.2f} ms at the end")
    verdicts = [verdict(met, text) for met, text in demands]
    good = all(verdicts)
    if given.json:
        document = {
            "seconds": end,
            "window": window,
            "samples": [{"at": each.at, **each.usage._asdict(), "work": each.work} for each in samples],
            "windows": windows,
            "statuses": statuses,
            "verdicts": [{"met": met, "text": text} for met, text in demands],
        }
        given.json.write_text(json.dumps(document, indent=1))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
