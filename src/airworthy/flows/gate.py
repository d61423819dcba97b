"""Whether a model may take another's place: both answer the same rows, and are timed in turns."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airworthy.artifacts.weights.hashing import new_hash
from airworthy.core.cores import usable_cores
from airworthy.core.errors import AirworthyError, Exit, UnknownName
from airworthy.core.facts import Facts
from airworthy.core.keys import CPU_INSTRUCTIONS
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.engines.comparison import BOOT, ComparedModel, ComparisonRequest
from airworthy.engines.interface import RunnerOptions
from airworthy.flows.answers.gate import GateAnswer
from airworthy.flows.facts import gather
from airworthy.flows.gate_data import GateData, read_data
from airworthy.optimize.gating import SpeedResult, judge_quality, judge_speed, overall
from airworthy.optimize.metrics import METRICS, MetricUnfit, classes
from airworthy.optimize.statistics import CONFIDENCE, Interval, ratio_of_medians

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIALS = (30, 100, 300, 1000)
"""Pairs after which the speed is judged. Each trial may err by its share of what all of them may."""
WARM_UP = 5
"""Runs of each model before times count."""
_CHUNK = 1 << 20
PATIENCE = 120.0
"""Seconds that the process that runs the models may say nothing."""
INTEGER_INSTRUCTIONS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
"""Processor features on which the answers of 8-bit models depend."""


class GateRunFailed(AirworthyError):
    """The models could not be compared."""

    code = "gate-run-failed"
    message = "{path} could not be run: {problem}"
    hint = "see what `airworthy check {path}` says"
    exit = Exit.FINDINGS


class InterfacesDiffer(AirworthyError):
    """Two models that don't take the same inputs or give the same outputs."""

    code = "interfaces-differ"
    message = "{after} cannot take the place of {before}: {problem}"
    hint = "`airworthy inspect` lists what each takes and gives"
    exit = Exit.FINDINGS


class _Side(NamedTuple):
    path: str
    model: ModelInfo
    engine: str
    facts: Facts


def gate(
    before: str | Path,
    after: str | Path,
    *,
    data: str | Path,
    labels: str = "",
    metric: str = "accuracy",
    output: str = "",
    tier: float = 0.99,
    max_slowdown: float | None = 0.05,
    batch: int = 1,
    seconds: float = 30.0,
    engine: str = "",
    threads: int = 0,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Report[GateAnswer]:
    """Prove that a model is no worse than another by more than a margin, and no slower than a bound.

    Both run in one process of its own, on the same rows, with the options that the service uses. A verdict is passed
    where the bounds of the difference lie within what is allowed, failed where they lie outside, and else there is not
    enough data.

    Args:
        before: the model in use.
        after: the one that is to take its place.
        data: a `.npz` file: an array for each input, rows first, and the right answers.
        labels: the name of the right answers' array; `labels`, `label`, `y`, `targets` or `target` by default.
        metric: a name of `METRICS`.
        output: the output that is judged; the one that suits the metric by default.
        tier: the share of the metric that has to be kept.
        max_slowdown: the share by which it may be slower, -0.3 for 30 % faster at least; None compares no speed.
        batch: rows of each run.
        seconds: how long speed is compared at the most.
        engine: the engine of both; the first that can load each by default.
        threads: threads of the runtime; all usable cores by default.
        seed: of resampling.
        progress: receives the stages.

    Raises:
        InputNotFound: a path leads nowhere.
        NoEngine: no engine can load one of them.
        InterfacesDiffer: they don't take the same inputs, or don't give the output.
        DataUnfit: the data doesn't suit the models.
        MetricUnfit: the metric doesn't suit the output or the right answers.
        GateRunFailed: a model could not be run.
    """
    if metric not in METRICS:
        raise UnknownName(
            kind=say("metric"), name=metric, suggestion=say("the metrics are {names}", names=tuple(METRICS))
        )
    host = gather(progress=progress)
    sides = (_side(before, engine, host, progress), _side(after, engine, host, progress))
    _check_interfaces(*sides)
    rows = read_data(data, sides[0].model.inputs, labels)
    options = RunnerOptions(threads=threads or int(usable_cores(sides[0].facts) or 1))
    most = None if max_slowdown is None else 1 + max_slowdown
    with tempfile.TemporaryDirectory(prefix="airworthy-gate-") as folder:
        answers, speed = _run(sides, rows, options, batch, most, seconds, seed, Path(folder), progress)
    name = output or _chosen_output(answers[0], rows.truth, metric)
    for side, outputs in zip(sides, answers, strict=True):
        if name not in outputs:
            problem = say("it gives {outputs}, and no {name!r}", outputs=tuple(outputs), name=name)
            raise InterfacesDiffer(before=sides[0].path, after=side.path, problem=problem)
    old, new = answers[0][name], answers[1][name]
    _check_finite(sides, (old, new), metric)
    quality = judge_quality(metric, METRICS[metric], old, new, rows.truth, tier, seed)
    answer = GateAnswer(
        verdict=overall(quality.verdict, *(() if speed is None else (speed.verdict,))),
        before=sides[0].path,
        after=sides[1].path,
        engines=(sides[0].engine, sides[1].engine),
        digests=(_digests(sides[0].model), _digests(sides[1].model)),
        output=name,
        quality=quality,
        speed=speed,
        agreement=_agreement(old, new) if METRICS[metric].rows is not None else None,
        instructions=_instructions(sides[0].facts),
    )
    return Report(verb="gate", subject=sides[1].path, answer=answer)


def _side(path: str | Path, engine: str, host: Facts, progress: Progress) -> _Side:
    from airworthy.engines.select import select
    from airworthy.flows.check import examine

    report, facts, model = examine(path, facts=host, progress=progress)
    if model is None or report.blocks():
        found = next(iter(report.findings), None)
        raise GateRunFailed(path=path, problem=found.message if found else say("it is no model"))
    chosen = select(model, facts, engine)
    if chosen.generates:
        raise GateRunFailed(path=path, problem=say("{engine} generates text, and gives no rows", engine=chosen.name))
    return _Side(str(path), model, chosen.name, facts)


def _check_interfaces(before: _Side, after: _Side) -> None:
    taken = [{spec.name: spec.datatype for spec in each.model.inputs} for each in (before, after)]
    if taken[0] != taken[1]:
        problem = say("one takes {before}, the other {after}", before=_named(taken[0]), after=_named(taken[1]))
        raise InterfacesDiffer(before=before.path, after=after.path, problem=problem)


def _named(taken: dict[str, str]) -> str:
    return ", ".join(f"{name} {datatype}" for name, datatype in taken.items())


def _run(
    sides: Sequence[_Side],
    rows: GateData,
    options: RunnerOptions,
    batch: int,
    most: float | None,
    seconds: float,
    seed: int,
    folder: Path,
    progress: Progress,
) -> tuple[list[dict[str, NDArray[Any]]], SpeedResult | None]:
    """The outputs of both, and what came of comparing their speed."""
    import numpy as np

    from airworthy.probes.battery.process import Child

    arrays: dict[str, Any] = dict(rows.inputs)
    np.savez(folder / "inputs.npz", **arrays)
    files = [folder / "before.npz", folder / "after.npz"]
    models = tuple(ComparedModel(s.model, s.engine, str(f)) for s, f in zip(sides, files, strict=True))
    request = ComparisonRequest(
        models=models,
        options=options,
        inputs=str(folder / "inputs.npz"),
        batch=batch,
        warm_up=WARM_UP if most is not None else 0,
        pairs=TRIALS[-1] if most is not None else 0,
    )
    progress.stage(say("asking both models {count:,} rows", count=len(rows.truth)))
    from airworthy.serve.workers.process import worker_environment

    child = Child([sys.executable, "-c", BOOT], msgspec.to_builtins(request), worker_environment(options.threads))
    child.patience = PATIENCE
    answered = 0
    speed = None
    pairs: list[list[float]] = []
    until = math.inf
    for message in child.messages(math.inf):
        if "failed" in message:
            raise GateRunFailed(path=sides[message["failed"]].path, problem=message["problem"])
        if "answered" in message:
            answered += 1
        elif "warm" in message and most is not None:
            progress.stage(say("timing both in turns"))
            until = time.monotonic() + seconds
        elif "pair" in message:
            pairs.append(message["pair"])
            late = time.monotonic() >= until
            if most is not None and (len(pairs) in TRIALS or (late and len(pairs) > 2)):
                speed = _judge(pairs, batch, most, seed)
                if speed.verdict != "not enough data" or late:
                    break
    if answered < len(sides):
        raise GateRunFailed(path=sides[answered].path, problem=_ended(child))
    if most is not None and speed is None:
        if len(pairs) < 3:
            raise GateRunFailed(path=sides[1].path, problem=_ended(child))
        speed = _judge(pairs, batch, most, seed)
    return [dict(_loaded(file)) for file in files], speed


def _loaded(file: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    import numpy as np

    with np.load(file, allow_pickle=False) as stored:
        yield from ((name, stored[name]) for name in stored.files)


def _judge(pairs: Sequence[Sequence[float]], batch: int, most: float, seed: int) -> SpeedResult:
    """Judge the pairs so far; each trial may err by its share, so that all of them together err no more often."""
    import numpy as np

    first, second = np.asarray(pairs).T
    confidence = 1 - (1 - CONFIDENCE) / len(TRIALS)
    bounds = ratio_of_medians(first, second, confidence, seed) if len(pairs) > 2 else Interval(0.0, math.inf)
    return judge_speed(first, second, bounds, batch, most, confidence)


def _ended(child: Any) -> str:
    if child.silent:
        return say("it said nothing for {seconds:.0f} s", seconds=PATIENCE)
    last = child.errors.strip().rpartition("\n")[2]
    return say(
        "its process ended with status {status}: {last}", status=child.status, last=last or say("without a word")
    )


def _chosen_output(outputs: dict[str, NDArray[Any]], truth: NDArray[Any], metric: str) -> str:
    """The output that suits the metric: scores of classes before a class, else the one with the right answers' size."""
    if METRICS[metric].rows is not None or metric == "f1":
        scores = [name for name, array in outputs.items() if array.ndim == 2 and array.dtype.kind == "f"]
        named = [name for name, array in outputs.items() if array.ndim <= 2 and array.dtype.kind in "iub"]
        found = [*scores, *named]
    else:
        found = [name for name, array in outputs.items() if array.size == truth.size]
    if not found:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items())
        raise MetricUnfit(metric=metric, problem=say("no output suits it: {shapes}", shapes=shapes))
    return found[0]


def _check_finite(sides: Sequence[_Side], outputs: Sequence[NDArray[Any]], metric: str) -> None:
    import numpy as np

    for side, array in zip(sides, outputs, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            problem = say("{path} answers with {bad:,} numbers that are NaN or infinite", path=side.path, bad=bad)
            raise MetricUnfit(metric=metric, problem=problem)


def _agreement(before: NDArray[Any], after: NDArray[Any]) -> float:
    return float((classes(before) == classes(after)).mean())


def _digests(model: ModelInfo) -> dict[str, str]:
    """SHA-256 of each of a model's files."""
    root = Path(model.path)
    base = root if root.is_dir() else root.parent
    found = {}
    for each in model.files:
        digest = new_hash("sha256", each.size)
        with (base / each.path).open("rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
        found[each.path] = digest.hexdigest()
    return found


def _instructions(facts: Facts) -> tuple[str, ...]:
    held = facts.get_value(CPU_INSTRUCTIONS, None) or ()
    return tuple(name for name in INTEGER_INSTRUCTIONS if name in held)
