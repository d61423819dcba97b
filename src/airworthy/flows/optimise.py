"""Makes a model smaller in several ways, measures each beside the original, and keeps the best that is proven."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airworthy.core.cores import usable_cores
from airworthy.core.errors import AirworthyError, Exit, ExtraMissing
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.engines.interface import RunnerOptions
from airworthy.engines.quantising import BOOT, QuantisingRequest, missing
from airworthy.flows.answers.optimise import OptimiseAnswer, RowsUsed
from airworthy.flows.facts import gather
from airworthy.flows.files import OutputExists, OutputFailed, output_path, reason
from airworthy.flows.gate import instructions, judge, known_metric, measure
from airworthy.flows.gate_data import GateData, read_data
from airworthy.flows.model_comparison import ComparisonOptions, Side, how_it_ended, open_side
from airworthy.knowledge.recipes import Recipe, recipes
from airworthy.optimize.choice import Candidate, Preference, choose, with_front
from airworthy.optimize.gating import ANY_TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

CALIBRATION_ROWS = 200
"""Rows that ranges are taken from, at the most; a fifth of all."""
FEWEST_ROWS = 50
"""Rows without which nothing is tried."""
PATIENCE = 900.0
"""Seconds that making one candidate may take."""


class NothingToOptimise(AirworthyError):
    """A model for which no recipe is known."""

    code = "nothing-to-optimise"
    message = "{path} cannot be made smaller: {problem}"
    hint = "give a float ONNX model; `airworthy inspect {path}` says what this one is"
    exit = Exit.FINDINGS


class TooFewRows(AirworthyError):
    """Data that can't be divided into calibration, selection and final rows."""

    code = "too-few-rows"
    message = "{path} holds {rows} rows, and {least} are needed"
    hint = "give more rows: a part calibrates, a part chooses, and a part proves"


class _Parts(NamedTuple):
    calibration: GateData
    selection: GateData
    final: GateData


def optimise(
    model: str | Path,
    *,
    data: str | Path,
    labels: str = "",
    metric: str = "accuracy",
    output: str = "",
    prefer: Preference = "latency",
    tier: float = 0.99,
    batch: int = 1,
    seconds: float = 5.0,
    threads: int = 0,
    write: str | Path | None = None,
    force: bool = False,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Report[OptimiseAnswer]:
    """Quantise a float ONNX model in every way that suits it, and keep the best one that is proven.

    The rows are divided: a part calibrates, a part chooses between the candidates, and a part that nothing was chosen
    by proves the one that was. The original is never changed.

    Args:
        model: a float ONNX model.
        data: a `.npz` file: an array for each input, rows first, and the right answers.
        labels: the name of the right answers' array.
        metric: a name of `METRICS`.
        output: the output that is judged; the one that suits the metric by default.
        prefer: what decides among candidates: `latency`, `size` or `accuracy`.
        tier: the share of the metric that has to be kept.
        batch: rows of each run that is timed.
        seconds: how long each candidate is timed at the most.
        threads: threads of the runtime; all usable cores by default.
        write: where the chosen model is written; None writes none.
        force: whether what is there is replaced.
        seed: of dividing rows and of resampling.
        progress: receives the stages.

    Raises:
        InputNotFound: a path leads nowhere.
        NothingToOptimise: no recipe suits the model.
        DataUnfit: the data doesn't suit the model.
        TooFewRows: there are too few rows to divide.
        MetricUnfit: the metric doesn't suit the output or the right answers.
        OutputExists: there is something where the chosen model is to be written.
        OutputFailed: the chosen model could not be written.
        ExtraMissing: the quantiser is not installed.
    """
    known_metric(metric)
    target = None if write is None else output_path(write)
    if target is not None and target.exists() and not force:
        raise OutputExists(path=write)
    host = gather(progress=progress)
    original = open_side(model, "onnxruntime", host, progress)
    tried = recipes({each.name for each in original.model.operators}, instructions(host))
    if not tried or Path(original.path).is_dir() or original.model.quantization:
        raise NothingToOptimise(path=model, problem=_why_nothing(original))
    rows = read_data(data, original.model.inputs, labels)
    parts = _divide(rows, data, seed)
    options = RunnerOptions(threads=threads or int(usable_cores(host) or 1))
    how = ComparisonOptions(options, batch, 1.0, seconds, seed)
    with tempfile.TemporaryDirectory(prefix="airworthy-optimise-") as folder:
        candidates = []
        for recipe in tried:
            progress.stage(say("trying {name}", name=recipe.name))
            made = _candidate(recipe, original, parts, how, metric, output, tier, Path(folder))
            candidates.append(made)
        size = Path(original.model.entry).stat().st_size
        chosen = choose(candidates, prefer, size)
        proof = None
        if chosen is not None:
            progress.stage(say("proving {name} on rows that nothing was chosen by", name=chosen.name))
            side = open_side(_file(Path(folder), chosen.name), "onnxruntime", host, progress)
            final = how._replace(most=ANY_TIME if prefer == "size" else 1.0)
            proof = judge((original, side), parts.final, final, metric, output, tier, progress)
            proof = msgspec.structs.replace(proof, after=str(target or chosen.name))
        verdict = "failed" if proof is None else proof.verdict
        kept = target if chosen is not None and verdict != "failed" else None
        if chosen is not None and kept is not None:
            _install(_file(Path(folder), chosen.name), kept)
    answer = OptimiseAnswer(
        verdict=verdict,
        model=original.path,
        size=size,
        prefer=prefer,
        rows=RowsUsed(
            calibration=len(parts.calibration.truth),
            selection=len(parts.selection.truth),
            final=len(parts.final.truth),
        ),
        candidates=with_front(candidates),
        chosen="" if chosen is None else chosen.name,
        path=str(kept or ""),
        gate=proof,
    )
    return Report(verb="optimise", subject=original.path, answer=answer)


def _why_nothing(original: Side) -> str:
    if Path(original.path).is_dir():
        return say("it is a folder; give the ONNX file in it")
    if original.model.quantization:
        return say("it is quantised already: {how}", how=original.model.quantization)
    return say("none of its operators has a smaller form")


def _divide(rows: GateData, path: str | Path, seed: int) -> _Parts:
    import numpy as np

    count = len(rows.truth)
    if count < FEWEST_ROWS:
        raise TooFewRows(path=path, rows=count, least=FEWEST_ROWS)
    order = np.random.default_rng(seed).permutation(count)
    calibration = min(CALIBRATION_ROWS, count // 5)
    selection = (count - calibration) // 2
    cuts = (order[:calibration], order[calibration : calibration + selection], order[calibration + selection :])
    return _Parts(*(GateData(*_picked(rows, np.sort(each))) for each in cuts))


def _picked(rows: GateData, numbers: NDArray[Any]) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    return {name: array[numbers] for name, array in rows.inputs.items()}, rows.truth[numbers]


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.onnx"


def _candidate(
    recipe: Recipe,
    original: Side,
    parts: _Parts,
    how: ComparisonOptions,
    metric: str,
    output: str,
    tier: float,
    folder: Path,
) -> Candidate:
    target = _file(folder, recipe.name)
    base = Candidate(name=recipe.name, what=recipe.what, source=recipe.source)
    problem = _make(recipe, original, parts.calibration, folder, target)
    if problem:
        return msgspec.structs.replace(base, problem=problem)
    base = msgspec.structs.replace(base, size=target.stat().st_size)
    try:
        side = open_side(target, "onnxruntime", original.facts, SILENT)
        found = measure((original, side), parts.selection, how, metric, output, tier, SILENT)
    except AirworthyError as error:
        return msgspec.structs.replace(base, problem=error.text)
    return msgspec.structs.replace(base, quality=found.quality, speed=found.speed)


def _make(recipe: Recipe, original: Side, calibration: GateData, folder: Path, target: Path) -> str:
    """Make a candidate in a process of its own; why that failed, or empty."""
    import time

    import numpy as np

    from airworthy.probes.battery.process import Child
    from airworthy.serve.workers.process import worker_environment

    rows = folder / "calibration.npz"
    if not rows.exists():
        arrays: dict[str, Any] = dict(calibration.inputs)
        np.savez(rows, **arrays)
    request = QuantisingRequest(
        source=original.model.entry,
        target=str(target),
        method=recipe.method,
        calibrator=recipe.calibrator,
        bits=recipe.bits,
        per_channel=recipe.per_channel,
        reduce_range=recipe.reduce_range,
        rows=str(rows),
    )
    child = Child([sys.executable, "-c", BOOT], msgspec.to_builtins(request), worker_environment(1))
    found: dict[str, Any] = {}
    for message in child.messages(time.monotonic() + PATIENCE):
        found = message
    if found.get("missing") not in (None, "onnx"):
        return missing(found["missing"])
    if "missing" in found:
        raise ExtraMissing(job=say("quantising"), library=found["missing"], extra="optimise")
    if "failed" in found:
        return str(found["failed"])
    return "" if "made" in found else how_it_ended(child)


def _install(made: Path, target: Path) -> None:
    """Put the chosen model where it is wanted, whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            copy = Path(shutil.copyfile(made, Path(folder) / target.name))
            copy.replace(target)
    except OSError as error:
        raise OutputFailed(path=target, reason=reason(error)) from None
