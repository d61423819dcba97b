"""Whether a model may take another's place: both answer the same rows, and are timed in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airworthy.artifacts.weights.hashing import new_hash
from airworthy.core.cores import usable_cores
from airworthy.core.errors import AirworthyError, Exit, UnknownName
from airworthy.core.facts import Facts
from airworthy.core.keys import CPU_INSTRUCTIONS
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.engines.interface import RunnerOptions
from airworthy.flows.answers.gate import GateAnswer
from airworthy.flows.facts import gather
from airworthy.flows.gate_data import GateData, read_data
from airworthy.flows.model_comparison import ComparisonOptions, Side, compare, open_side
from airworthy.optimize.gating import QualityResult, SpeedResult, judge_quality, overall
from airworthy.optimize.metrics import METRICS, MetricUnfit, classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTEGER_INSTRUCTIONS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
"""Processor features on which the answers of 8-bit models depend."""


_CHUNK = 1 << 20


class InterfacesDiffer(AirworthyError):
    """Two models that don't take the same inputs or give the same outputs."""

    code = "interfaces-differ"
    message = "{after} cannot take the place of {before}: {problem}"
    hint = "`airworthy inspect` lists what each takes and gives"
    exit = Exit.FINDINGS


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
        ComparisonFailed: a model could not be run.
    """
    known_metric(metric)
    host = gather(progress=progress)
    sides = (open_side(before, engine, host, progress), open_side(after, engine, host, progress))
    check_interfaces(*sides)
    rows = read_data(data, sides[0].model.inputs, labels)
    options = RunnerOptions(threads=threads or int(usable_cores(host) or 1))
    most = None if max_slowdown is None else 1 + max_slowdown
    how = ComparisonOptions(options, batch, most, seconds, seed)
    answer = judge(sides, rows, how, metric, output, tier, progress)
    return Report(verb="gate", subject=sides[1].path, answer=answer)


class Measured(NamedTuple):
    """What came of running two models on the same rows."""

    output: str
    """The output that was judged."""
    quality: QualityResult
    """Their quality."""
    speed: SpeedResult | None
    """Their speed, where it was compared."""
    agreement: float | None
    """The share of rows for which both name the same class, where they name classes."""


def known_metric(name: str) -> None:
    """Refuse a metric that there is not.

    Raises:
        UnknownName: there is none of that name.
    """
    if name not in METRICS:
        raise UnknownName(
            kind=say("metric"), name=name, suggestion=say("the metrics are {names}", names=tuple(METRICS))
        )


def judge(
    sides: tuple[Side, Side],
    rows: GateData,
    how: ComparisonOptions,
    metric: str,
    output: str,
    tier: float,
    progress: Progress,
) -> GateAnswer:
    """What is proven of two models, and of which files; arguments and errors are those of `gate`."""
    found = measure(sides, rows, how, metric, output, tier, progress)
    return GateAnswer(
        verdict=overall(found.quality.verdict, *(() if found.speed is None else (found.speed.verdict,))),
        before=sides[0].path,
        after=sides[1].path,
        engines=(sides[0].engine, sides[1].engine),
        digests=(_digests(sides[0].model), _digests(sides[1].model)),
        output=found.output,
        quality=found.quality,
        speed=found.speed,
        agreement=found.agreement,
        instructions=instructions(sides[0].facts),
    )


def measure(
    sides: tuple[Side, Side],
    rows: GateData,
    how: ComparisonOptions,
    metric: str,
    output: str,
    tier: float,
    progress: Progress,
) -> Measured:
    """Run two models on rows, and compare them; arguments and errors are those of `gate`."""
    with tempfile.TemporaryDirectory(prefix="airworthy-gate-") as folder:
        answers, speed = compare(sides, rows, how, Path(folder), progress)
    name = output or _chosen_output(answers[0], rows.truth, metric)
    for side, outputs in zip(sides, answers, strict=True):
        if name not in outputs:
            problem = say("it gives {outputs}, and no {name!r}", outputs=tuple(outputs), name=name)
            raise InterfacesDiffer(before=sides[0].path, after=side.path, problem=problem)
    old, new = answers[0][name], answers[1][name]
    _check_finite(sides, (old, new), metric)
    quality = judge_quality(metric, METRICS[metric], old, new, rows.truth, tier, how.seed)
    return Measured(name, quality, speed, _agreement(old, new) if METRICS[metric].rows is not None else None)


def check_interfaces(before: Side, after: Side) -> None:
    """Refuse two models that don't take the same inputs.

    Raises:
        InterfacesDiffer: they take others.
    """
    taken = [{spec.name: spec.datatype for spec in each.model.inputs} for each in (before, after)]
    if taken[0] != taken[1]:
        problem = say("one takes {before}, the other {after}", before=_named(taken[0]), after=_named(taken[1]))
        raise InterfacesDiffer(before=before.path, after=after.path, problem=problem)


def _named(taken: dict[str, str]) -> str:
    return ", ".join(f"{name} {datatype}" for name, datatype in taken.items())


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


def _check_finite(sides: Sequence[Side], outputs: Sequence[NDArray[Any]], metric: str) -> None:
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


def instructions(facts: Facts) -> tuple[str, ...]:
    """Those of `INTEGER_INSTRUCTIONS` that the processor has."""
    held = facts.get_value(CPU_INSTRUCTIONS, None) or ()
    return tuple(name for name in INTEGER_INSTRUCTIONS if name in held)
