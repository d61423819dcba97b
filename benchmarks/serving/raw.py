"""The limit of the machine: the runtime in a loop, without a server, over processes, threads, batches and orders.

Tokenising is included, JSON is not. It runs in the interpreter of the benchmark, with the runtime that ours has.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.peers import HERE, cores

KEPT = 3
"""Shapes that are measured again in later rounds: those that were best in the first."""


@dataclass(frozen=True, order=True)
class Shape:
    """One way of running the model."""

    processes: int
    threads: int
    batch: int
    """Rows, or tokens with padding in the order `budget`."""
    order: str

    @property
    def is_single(self) -> bool:
        """Whether it is one call at a time."""
        return self.processes == 1 and self.batch == 1

    def __str__(self) -> str:
        unit = "tokens" if self.order == "budget" else "a batch"
        return f"{self.processes} x {self.threads} threads, {self.batch} {unit}, {self.order}"


def shapes(model: str, *, quick: bool) -> list[Shape]:
    """All that are tried."""
    count = cores()
    splits = {(1, 1), (1, count), (count, 1)}
    if count >= 4:
        splits |= {(count // 2, 2), (2, count // 2)}
    if model == "digits":
        ways = [(1, "arrival"), (256, "arrival")] if quick else [(1, "arrival"), (32, "arrival"), (256, "arrival")]
    elif quick:
        ways = [(1, "arrival"), (256, "budget")]
    else:
        ways = [(1, "arrival"), (8, "arrival"), (32, "arrival"), (32, "sorted"), (256, "budget"), (1024, "budget")]
    return [Shape(*split, *way) for split in sorted(splits) for way in ways]


def _environment(model: str, home: Path, threads: int) -> dict[str, str]:
    return {
        **os.environ,
        "BENCH_MODEL": model,
        "BENCH_MODELS": str(home / "models"),
        "BENCH_THREADS": str(threads),
        "PYTHONPATH": str(HERE / "servers"),
    }


def answers(model: str, home: Path) -> list[list[float]]:
    """The truth about every item."""
    program: list[str | Path] = [
        sys.executable,
        HERE / "servers" / "raw_answers.py",
        home / "models" / f"{model}-items.json",
    ]
    done = subprocess.run(program, env=_environment(model, home, cores()), check=True, capture_output=True)
    truth: list[list[float]] = json.loads(done.stdout)
    return truth


def measure(model: str, home: Path, shape: Shape, seconds: float) -> dict[str, float]:
    """Items a second of all processes together, and the median of a call, in ms."""
    items = home / "models" / f"{model}-items.json"
    program: list[str | Path] = [
        sys.executable,
        HERE / "servers" / "raw_loop.py",
        str(shape.batch),
        shape.order,
        str(seconds),
        items,
    ]
    running = [
        subprocess.Popen(
            program,
            env=_environment(model, home, shape.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(shape.processes)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"the raw loop ended with {process.wait(10)}")
        results = []
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            told, _ = process.communicate(timeout=seconds + 120)
            results.append(json.loads(told))
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()
    return {"rps": sum(each["rps"] for each in results), "p50_ms": results[0]["p50_ms"]}


class Limit:
    """The raw limit of one model over the rounds of a run."""

    def __init__(self, model: str, home: Path, *, seconds: float, quick: bool) -> None:
        self._model, self._home, self._seconds = model, home, seconds
        self._all = shapes(model, quick=quick)
        self._samples: dict[Shape, list[dict[str, float]]] = {}

    def round(self) -> None:
        """Measure once: all shapes at first, then those that matter."""
        for shape in self._all if not self._samples else self._matter():
            self._samples.setdefault(shape, []).append(measure(self._model, self._home, shape, self._seconds))

    def _matter(self) -> list[Shape]:
        by_rate = sorted(self._samples, key=lambda shape: -self._samples[shape][0]["rps"])
        return sorted({*by_rate[:KEPT], *(shape for shape in by_rate if shape.is_single)})

    def _kept(self) -> dict[Shape, dict[str, float]]:
        """Medians of the shapes that were measured in all rounds: one that was fast once would win by luck."""
        most = max(map(len, self._samples.values()))
        return {shape: self._median(taken) for shape, taken in self._samples.items() if len(taken) == most}

    def best(self) -> Shape:
        """The shape with the best rate."""
        kept = self._kept()
        return max(kept, key=lambda shape: kept[shape]["rps"])

    def result(self) -> dict[str, Any]:
        """Medians: the best single call, the best rate, and all that was tried."""
        if not self._samples:
            return {}
        tried = {shape: self._median(samples) for shape, samples in self._samples.items()}
        kept, best = self._kept(), self.best()
        single = min((shape for shape in kept if shape.is_single), key=lambda shape: kept[shape]["p50_ms"])
        return {
            "best": {"shape": str(best), **kept[best]},
            "single": {"shape": str(single), **kept[single]},
            "tried": [{"shape": str(shape), **figures} for shape, figures in sorted(tried.items())],
        }

    @staticmethod
    def _median(samples: Iterable[dict[str, float]]) -> dict[str, float]:
        samples = list(samples)
        return {name: statistics.median(each[name] for each in samples) for name in ("rps", "p50_ms")}
