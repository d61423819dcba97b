"""Two models on the same rows: their outputs, and their times in turns, from a process of its own."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.progress import Progress
from airworthy.engines.comparison import BOOT, ComparedModel, ComparisonRequest
from airworthy.engines.interface import RunnerOptions
from airworthy.flows.gate_data import GateData
from airworthy.optimize.gating import SpeedResult, judge_speed
from airworthy.optimize.statistics import CONFIDENCE, ErrorBounds, ratio_of_medians

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIALS = (30, 100, 300, 1000)
"""Pairs after which the speed is judged. Each trial may err by its share of what all of them may."""
WARM_UP = 5
"""Runs of each model before times count."""
PATIENCE = 120.0
"""Seconds that the process that runs the models may say nothing."""


class ComparisonFailed(AirworthyError):
    """The models could not be compared."""

    code = "comparison-failed"
    message = "{path} could not be run: {problem}"
    hint = "see what `airworthy check {path}` says"
    exit = Exit.FINDINGS


class Side(NamedTuple):
    """One of the models."""

    path: str
    """Where it lies."""
    model: ModelInfo
    """What it is."""
    engine: str
    """What runs it."""
    facts: Facts
    """What is known of it and of the host."""


class ComparisonOptions(NamedTuple):
    """How two models are run."""

    options: RunnerOptions
    """How each runs."""
    batch: int = 1
    """Rows of each run."""
    most: float | None = 1.05
    """The largest ratio of times that is allowed; None times nothing."""
    seconds: float = 30.0
    """How long they are timed at the most."""
    seed: int = 0
    """Of resampling."""


def open_side(path: str | Path, engine: str, host: Facts, progress: Progress) -> Side:
    """Inspect and check a model, and choose its engine.

    Raises:
        InputNotFound: the path leads nowhere.
        ComparisonFailed: it would not run here, or gives no rows.
        NoEngine: no engine can load it.
    """
    from airworthy.engines.select import select
    from airworthy.flows.check import examine

    report, facts, model = examine(path, facts=host, progress=progress)
    if model is None or report.blocks():
        found = next(iter(report.findings), None)
        raise ComparisonFailed(path=path, problem=found.message if found else say("it is no model"))
    chosen = select(model, facts, engine)
    if chosen.generates:
        raise ComparisonFailed(path=path, problem=say("{engine} generates text, and gives no rows", engine=chosen.name))
    return Side(str(path), model, chosen.name, facts)


def compare(
    sides: Sequence[Side], rows: GateData, how: ComparisonOptions, folder: Path, progress: Progress
) -> tuple[list[dict[str, NDArray[Any]]], SpeedResult | None]:
    """Have both models answer the rows, then time them in turns.

    Args:
        sides: the model in use, and the new one.
        rows: what they are asked.
        how: how they run, and for how long.
        folder: where arrays lie meanwhile.
        progress: receives the stages.

    Returns:
        The outputs of both by name, and what came of comparing their speed.

    Raises:
        ComparisonFailed: one of them could not be run.
    """
    import numpy as np

    from airworthy.probes.battery.process import Child

    arrays: dict[str, Any] = dict(rows.inputs)
    np.savez(folder / "inputs.npz", **arrays)
    files = [folder / "before.npz", folder / "after.npz"]
    models = tuple(ComparedModel(s.model, s.engine, str(f)) for s, f in zip(sides, files, strict=True))
    request = ComparisonRequest(
        models=models,
        options=how.options,
        inputs=str(folder / "inputs.npz"),
        batch=how.batch,
        warm_up=WARM_UP if how.most is not None else 0,
        pairs=TRIALS[-1] if how.most is not None else 0,
    )
    progress.stage(say("asking both models {count:,} rows", count=len(rows.truth)))
    from airworthy.serve.workers.process import worker_environment

    child = Child([sys.executable, "-c", BOOT], msgspec.to_builtins(request), worker_environment(how.options.threads))
    child.patience = PATIENCE
    answered = 0
    speed = None
    pairs: list[list[float]] = []
    until = math.inf
    for message in child.messages(math.inf):
        if "failed" in message:
            raise ComparisonFailed(path=sides[message["failed"]].path, problem=message["problem"])
        if "answered" in message:
            answered += 1
        elif "warm" in message and how.most is not None:
            progress.stage(say("timing both in turns"))
            until = time.monotonic() + how.seconds
        elif "pair" in message:
            pairs.append(message["pair"])
            late = time.monotonic() >= until
            if len(pairs) in TRIALS or (late and len(pairs) > 2):
                speed = _judge(pairs, how)
                if speed.verdict != "not enough data" or late:
                    break
    if answered < len(sides):
        raise ComparisonFailed(path=sides[answered].path, problem=how_it_ended(child))
    if how.most is not None and speed is None:
        if len(pairs) < 3:
            raise ComparisonFailed(path=sides[1].path, problem=how_it_ended(child))
        speed = _judge(pairs, how)
    return [dict(_loaded(file)) for file in files], speed


def _loaded(file: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    import numpy as np

    with np.load(file, allow_pickle=False) as stored:
        yield from ((name, stored[name]) for name in stored.files)


def _judge(pairs: Sequence[Sequence[float]], how: ComparisonOptions) -> SpeedResult:
    """Judge the pairs so far; each trial may err by its share, so that all of them together err no more often."""
    import numpy as np

    first, second = np.asarray(pairs).T
    confidence = 1 - (1 - CONFIDENCE) / len(TRIALS)
    bounds = ratio_of_medians(first, second, confidence, how.seed) if len(pairs) > 2 else ErrorBounds(0.0, math.inf)
    return judge_speed(first, second, bounds, how.batch, how.most or 1.0, confidence)


def how_it_ended(child: Any) -> str:
    """How a process ended that did not do what it was started for."""
    if child.silent:
        return say("it said nothing for {seconds:.0f} s", seconds=PATIENCE)
    if child.late:
        return say("it took too long")
    last = child.errors.strip().rpartition("\n")[2]
    return say(
        "its process ended with status {status}: {last}", status=child.status, last=last or say("without a word")
    )
