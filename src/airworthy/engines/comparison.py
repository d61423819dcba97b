"""Two models in a process of its own: both answer the same rows, then both are timed in turns.

The request is one line of JSON on standard input; each line of standard output is a step that was done. What is said of
times is `[first, second]` in seconds for runs that were made one directly after the other.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.model import ModelInfo
from airworthy.engines.interface import BatchRunner, RunnerOptions, Tensors
from airworthy.engines.registry import ENGINES

BOOT = """
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
from airworthy.engines.comparison import main
main()
"""
"""Unlike `python -m`, this leaves the current directory off the import path: a model's folder brings no module."""


class ComparedModel(msgspec.Struct, frozen=True):
    """One of the models."""

    model: ModelInfo
    """What it is."""
    engine: str
    """The engine that runs it."""
    answers: str
    """The file that its outputs are written to, as `.npz`."""


class ComparisonRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run."""

    models: tuple[ComparedModel, ...]
    """The model in use and the new one."""
    options: RunnerOptions
    """How they run."""
    inputs: str
    """The rows, a `.npz` with an array an input."""
    batch: int
    """Rows of a run."""
    warm_up: int
    """Runs of each before times count."""
    pairs: int
    """Pairs of runs that are timed; 0 times nothing."""


def main() -> None:
    """Do what the request says."""
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=ComparisonRequest)
    # What a runtime prints goes to standard error: standard output is for the steps alone.
    steps = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for step in _steps(request):
        steps.write(json.dumps(step) + "\n")


def _steps(request: ComparisonRequest) -> Iterator[dict[str, Any]]:
    import numpy as np

    with np.load(request.inputs, allow_pickle=False) as stored:
        inputs = {name: stored[name] for name in stored.files}
    runners: list[BatchRunner] = []
    for number, each in enumerate(request.models):
        started = time.perf_counter()
        try:
            runner: Any = ENGINES.get(each.engine).load(each.model, request.options)
            outputs = _all_rows(runner, inputs, request.batch)
        except AirworthyError as error:
            yield {"failed": number, "problem": error.text}
            return
        np.savez(each.answers, **outputs)
        runners.append(runner)
        yield {"answered": number, "seconds": time.perf_counter() - started}
    batches = list(_batches(inputs, request.batch))
    for runner in runners:
        for turn in range(request.warm_up):
            runner.run(batches[turn % len(batches)])
    yield {"warm": request.warm_up}
    for pair in range(request.pairs):
        yield {"pair": _timed(runners, batches[pair % len(batches)], backwards=pair % 2 == 1)}


def _all_rows(runner: BatchRunner, inputs: Tensors, batch: int) -> dict[str, Any]:
    import numpy as np

    parts: dict[str, list[Any]] = {}
    for rows in _batches(inputs, batch):
        for name, array in runner.run(rows).items():
            parts.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _batches(inputs: Tensors, batch: int) -> Iterator[dict[str, Any]]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, batch):
        yield {name: array[start : start + batch] for name, array in inputs.items()}


def _timed(runners: Sequence[BatchRunner], rows: Tensors, *, backwards: bool) -> list[float]:
    """Seconds of one run of each, in the order of the models; every second pair is run the other way round."""
    seconds = [0.0] * len(runners)
    order = range(len(runners))
    for number in reversed(order) if backwards else order:
        started = time.perf_counter()
        runners[number].run(rows)
        seconds[number] = time.perf_counter() - started
    return seconds
