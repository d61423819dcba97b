"""An hour at 70 % of what a service can do: whether memory, descriptors or latency creep.

    python benchmarks/soak.py                              # the digits example, an hour
    python benchmarks/soak.py --seconds 180 --window 30    # to see that it works
    python benchmarks/soak.py digits FOLDER --json soak.json

Several models share one service and the load: each gets its part of it, 35 % of its own capacity where there are two.
What a model can do alone it does in large batches, so that such parts together may be more than the service can do: the
cores that it uses are printed, and `--share` lowers the load.
Arrivals are Poisson on kept connections, as from clients' pools; latency counts from the arrival. Memory is that of
each process alone (USS), sampled each 10 s; a sixth of the time, at most ten minutes, is a window of latencies, with
connections of its own. Before the first one all connections of all models are busy at once for a moment: arrivals by
chance come to that peak in any hour, and what it leaves is no growth. The first window's memory counts from its middle,
when caches and allocators have settled. How fast the machine is at the time is sampled with a piece of work that is
always the same, so that a slower neighbour can be told from a slower service.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import signal
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from services import Service, Usage, digits, loading, serving, verdict
from serving import loadgen

from airworthy.observe.requests import target

SAMPLE = 10.0
"""Seconds between two samples."""
CONNECTIONS = 128
"""Connections of a model's load, as of a client's pool."""
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


class Load:
    """The load of one model."""

    def __init__(self, name: str, program: Path, port: int, path: str, bodies: Path) -> None:
        self.name = name
        self._where = (program, port, path, bodies)
        self.rate = 0.0
        self.windows: list[dict[str, Any]] = []

    def find(self, seconds: float, share: float) -> None:
        """Find the capacity, and take a share of it."""
        tried = [loadgen.closed(*self._where, clients=each, seconds=seconds, warm=seconds / 2) for each in CLIENTS]
        capacity = max(each["rps"] for each in tried)
        self.rate = share * capacity
        print(f"{self.name}: capacity {capacity:.0f}/s, load {self.rate:.0f}/s", flush=True)

    def fill(self, seconds: float) -> None:
        """Use every connection of the pool at once."""
        loadgen.closed(*self._where, clients=CONNECTIONS, seconds=seconds, warm=0.0)

    def run(self, seconds: float) -> None:
        """One window."""
        found = loadgen.opened(*self._where, rate=self.rate, seconds=seconds, connections=CONNECTIONS, late=LATE)
        self.windows.append(found)

    def judge(self) -> list[tuple[bool, str]]:
        """Whether its demands are met."""
        p99 = [each["p99_ms"] for each in self.windows]
        drift = p99[-1] / p99[0] - 1 if p99[0] else float("inf")
        text = f"{self.name}: p99 {p99[0]:.2f} to {p99[-1]:.2f} ms, {100 * drift:+.1f} %, within {100 * MOST_DRIFT:g} %"
        statuses: dict[str, int] = {}
        for each in self.windows:
            for status, count in each["statuses"].items():
                statuses[status] = statuses.get(status, 0) + count
        lost = sum(each[name] for each in self.windows for name in LOST)
        good = set(statuses) == {"200"} and not lost
        return [(drift <= MOST_DRIFT, text), (good, f"{self.name}: answers {statuses}, {lost} lost")]


class Sample(NamedTuple):
    """One look at the service and at the machine."""

    at: float
    """Seconds since the start."""
    usage: Usage
    """What the service holds."""
    work: float
    """Seconds that the machine took for the piece of work, the best of five."""


def main() -> int:
    """Measure and print; 1 where a demand is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=["digits"], help="files or folders; `digits` is the example")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--window", type=float, help="seconds of a window of latencies")
    parser.add_argument("--share", type=float, default=0.7, help="of the capacity")
    parser.add_argument("--json", type=Path, help="a file for all samples")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    window = given.window or min(600.0, given.seconds / 6)
    files = [digits() if name == "digits" else Path(name) for name in given.models]
    samples: list[Sample] = []
    with serving(*files) as service, contextlib.ExitStack() as stack:
        loads = []
        for name in service.models():
            asked = target(service.url, name)
            program, bodies = stack.enter_context(loading(asked))
            loads.append(Load(name, program, asked.port, asked.path, bodies))
        for load in loads:
            load.find(min(5.0, window / 6), given.share / len(loads))
        with ThreadPoolExecutor(len(loads)) as pool:
            list(pool.map(lambda load: load.fill(min(10.0, window / 6)), loads))
        print(f"windows of {window:g} s", flush=True)
        over = threading.Event()
        began = time.monotonic()
        sampler = threading.Thread(target=_sample, args=(service, samples, began, over), daemon=True)
        sampler.start()
        with ThreadPoolExecutor(len(loads)) as pool:
            while time.monotonic() - began < given.seconds:
                list(pool.map(lambda load: load.run(window), loads))
                _tell(samples, window, loads)
        over.set()
        sampler.join()
        restarts = service.metric("airworthy_worker_ends_total")
    demands = [*judge(samples, window), *(each for load in loads for each in load.judge())]
    demands.append((restarts == 0, f"{restarts:.0f} workers ended"))
    verdicts = [verdict(met, text) for met, text in demands]
    if given.json:
        document = {
            "window": window,
            "samples": [{"at": each.at, **each.usage._asdict(), "work": each.work} for each in samples],
            "windows": {load.name: load.windows for load in loads},
            "verdicts": [{"met": met, "text": text} for met, text in demands],
        }
        given.json.write_text(json.dumps(document, indent=1))
    return 0 if all(verdicts) else 1


def _end(*_: object) -> None:
    """End the generators, which threads wait for, and the service; then this."""
    for each in psutil.Process().children():
        each.terminate()
    sys.exit(128 + signal.SIGTERM)


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


def _tell(samples: list[Sample], window: float, loads: list[Load]) -> None:
    last = samples[-1]
    first = next(each for each in samples if each.at >= last.at - window)
    busy = (last.usage.cpu - first.usage.cpu) / max(last.at - first.at, 1e-9)
    usage = last.usage
    held = f"gateway {usage.gateway:.1f} MiB  workers {usage.workers:.1f} MiB  files {usage.descriptors}"
    print(f"{last.at:7.0f} s  {held}  {busy:.2f} of {psutil.cpu_count()} cores  work {1000 * last.work:.2f} ms")
    for load in loads:
        found = load.windows[-1]
        rate, p50, p99 = found["rps"], found["p50_ms"], found["p99_ms"]
        print(f"           {load.name:<12} {rate:8.1f}/s  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms", flush=True)


def judge(samples: list[Sample], window: float) -> list[tuple[bool, str]]:
    """Whether the demands on memory and descriptors are met."""
    early = [each for each in samples if window / 2 <= each.at <= window] or samples[:1]
    late = [each for each in samples if each.at >= samples[-1].at - window / 2]
    demands = []
    for name in ("gateway", "workers"):
        first, last = (statistics.median(getattr(each.usage, name) for each in part) for part in (early, late))
        grown = last / first - 1
        text = f"{name}: {first:.2f} to {last:.2f} MiB, {100 * grown:+.2f} %, under {100 * MOST_GROWTH:g} %"
        demands.append((grown < MOST_GROWTH, text))
    files = max(each.usage.descriptors for each in early), min(each.usage.descriptors for each in late)
    demands.append((files[1] <= files[0], f"open files: {files[0]} in the first window, {files[1]} in the last"))
    first, last = (1000 * statistics.median(each.work for each in part) for part in (early, late))
    print(f"        the same work took {first:.2f} ms in the first window and {last:.2f} ms in the last")
    return demands


if __name__ == "__main__":
    sys.exit(main())
