"""Trial runs in the worker: rows together and apart, texts with and without padding, the same request again.

They are made only where the graph can't decide, and they only ever confirm: what fails, can't be made up, or takes too
long is not confirmed. Where the number of rows stays and only the neighbours change, answers must be the same to the
last bit; where it changes, kernels may sum in another order, and answers may differ by rounding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airworthy.core.errors import AirworthyError
from airworthy.core.model import ANY_RANK, TensorSpec
from airworthy.engines.datatypes import NUMPY
from airworthy.engines.interface import BatchRunner
from airworthy.serve.workers.row_checks import PaddedTexts, RowTrials, TrialOutcome

SECONDS = 4.0
"""Seconds that all trial runs together may take."""
OPEN_SIZE = 5
"""The size that an axis beside the batch gets where the model leaves it open."""
_WHOLE = (2, 8, 100, 20_000)
"""Whole numbers are drawn below these, the first range that the model runs on with the ones before it."""
_REALS = (1.0, 1e4, 1e-4)
"""How far from zero numbers lie."""
_TOLERANCE = {"float16": 2e-2, "bfloat16": 5e-2, "float32": 2e-4, "float64": 1e-8}
"""The share of a row's largest number by which rounding may change it."""
_SEED = 20_261
_PADDED = ((2, 1), (3, 5), (9, 23), (17, 40))
"""Tokens of a text, and tokens of padding behind it."""

Arrays = dict[str, NDArray[Any]]


class _Parted(Exception):
    """Answers differ."""


class _Slow(Exception):
    """The time is over."""


class _Trials:
    """Trial runs on one runner, counted and timed."""

    def __init__(self, runner: BatchRunner, trials: RowTrials) -> None:
        self._runner = runner
        self._trials = trials
        self._until = time.monotonic() + SECONDS
        self.random = np.random.default_rng(_SEED)
        self.runs = 0

    def run(self, batch: Arrays) -> Mapping[str, NDArray[Any]]:
        """One run."""
        if time.monotonic() > self._until:
            raise _Slow
        self.runs += 1
        return self._runner.run_exclusive(batch)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def rows(self) -> None:
        """Rows together, apart, in another order and among other neighbours."""
        kinds = [kind for kind in _kinds(self._runner.inputs) if self._runs_on(kind)]
        if not kinds:
            raise _Parted
        most = max(2, self._trials.most_rows)
        for count in sorted({2, 3, max(2, most // 2 + 1), most}):
            for kind in kinds:
                self._one_size(count, kind, kinds)

    def _runs_on(self, kind: float) -> bool:
        try:
            self.run(self._inputs(2, kind))
        except (AirworthyError, ValueError, TypeError):
            return False
        return True

    def _one_size(self, count: int, kind: float, kinds: list[float]) -> None:
        batch = self._inputs(count, kind)
        together = self.run(batch)
        for name, array in together.items():
            if array.shape[:1] != (count,):
                raise _Parted(name)
        chosen = sorted({0, count - 1, *map(int, self.random.integers(0, count, 2))})
        for row in chosen:
            alone = self.run(_taken(batch, [row]))
            _compare(alone, _taken(together, [row]))
        first = _taken(batch, range(min(2, count)))
        _compare(self.run(first), _taken(together, range(min(2, count))))
        order = self.random.permutation(count)
        _compare(self.run(_taken(batch, order)), _taken(together, order))
        for other in kinds:
            kept = int(self.random.integers(0, count))
            changed = self._inputs(count, other)
            for name, array in changed.items():
                array[kept] = batch[name][kept]
            _compare(_taken(self.run(changed), [kept]), _taken(together, [kept]), exact=True)

    def _inputs(self, count: int, kind: float) -> Arrays:
        return {spec.name: self._array(spec, count, kind) for spec in self._runner.inputs}

    def _array(self, spec: TensorSpec, count: int, kind: float) -> NDArray[Any]:
        shape = (count, *(OPEN_SIZE if size < 0 else size for size in spec.shape[1:]))
        if spec.datatype == "BYTES":
            letters = self.random.integers(97, 123, (*shape, 6)).astype(np.uint8)
            made = np.empty(shape, dtype=object)
            made.reshape(-1)[:] = [bytes(word) for word in letters.reshape(-1, 6)]
            return made
        wanted = np.dtype(NUMPY[spec.datatype])
        if wanted.kind == "b":
            return self.random.integers(0, 2, shape).astype(wanted)
        if wanted.kind in "iu":
            return self.random.integers(0, min(max(2, int(kind)), np.iinfo(wanted).max), shape).astype(wanted)
        numbers = self.random.standard_normal(shape) * kind
        # Among ordinary rows one that is far out: a scale or a maximum over all rows shows itself by it.
        numbers[int(self.random.integers(0, count))] *= 100.0
        return numbers.astype(wanted)

    # --- padding ------------------------------------------------------------------------------------------------------

    def padding(self, texts: PaddedTexts) -> None:
        """Texts with and without padding behind them."""
        tried = 0
        for length, more in _PADDED:
            if texts.longest is not None and length + more > texts.longest:
                continue
            plain = self._text(texts, length)
            expected = self.run(plain)[texts.output]
            for extra in (more, 1):
                padded = {
                    name: np.pad(array, ((0, 0), (0, extra)), constant_values=texts.pads.get(name, 0))
                    for name, array in plain.items()
                }
                _compare({texts.output: expected}, {texts.output: self.run(padded)[texts.output]})
                tried += 1
        if not tried:
            raise _Parted

    def _text(self, texts: PaddedTexts, length: int) -> Arrays:
        made = {}
        for spec in self._runner.inputs:
            if spec.name == "input_ids":
                numbers = self.random.integers(0, max(2, texts.vocabulary), (1, length))
            else:
                numbers = np.full((1, length), 1 if "mask" in spec.name else 0)
            made[spec.name] = numbers.astype(NUMPY[spec.datatype])
        return made

    # --- the same again -----------------------------------------------------------------------------------------------

    def repeats(self) -> None:
        """The same request again, and again after others."""
        kinds = [kind for kind in _kinds(self._runner.inputs) if self._runs_on(kind)]
        if not kinds:
            raise _Parted
        for kind in kinds:
            batch = self._inputs(1, kind)
            first = {name: np.array(array) for name, array in self.run(batch).items()}
            _compare(first, self.run(batch), exact=True)
            self.run(self._inputs(1, kind))
            self.run(self._inputs(3, kind)) if _is_open(self._runner.inputs) else None
            _compare(first, self.run(batch), exact=True)


def try_rows(runner: BatchRunner, trials: RowTrials) -> TrialOutcome:
    """Make the trial runs that are requested."""
    if any(spec.symbols == ANY_RANK for spec in runner.inputs):
        return TrialOutcome(problem="failed")
    made, texts = _Trials(runner, trials), trials.texts
    steps: dict[str, Callable[[], None]] = {}
    if trials.rows:
        steps["rows"] = made.rows
    if trials.padding and texts is not None:
        steps["padding"] = partial(made.padding, texts)
    if trials.repeats:
        steps["repeats"] = made.repeats
    problems = {name: _problem(step) for name, step in steps.items()}
    found = {name: not problem for name, problem in problems.items()}
    return TrialOutcome(**found, runs=made.runs, problem=next(filter(None, problems.values()), ""))


def _problem(step: Callable[[], None]) -> str:
    """What went wrong in some trial runs; empty where nothing did."""
    try:
        with np.errstate(all="ignore"):
            step()
    except _Parted:
        return "parted"
    except _Slow:
        return "slow"
    except Exception:  # noqa: BLE001 - whatever a runtime raises, what it ran on is not proven
        return "failed"
    return ""


def _kinds(inputs: tuple[TensorSpec, ...]) -> tuple[float, ...]:
    """How large numbers are drawn, by kind."""
    reals = any(np.dtype(NUMPY[spec.datatype]).kind == "f" for spec in inputs if spec.datatype not in ("BYTES", "BF16"))
    return _REALS if reals else _WHOLE


def _is_open(inputs: tuple[TensorSpec, ...]) -> bool:
    return all(spec.shape[:1] == (-1,) for spec in inputs)


def _taken(arrays: Mapping[str, NDArray[Any]], rows: Any) -> Arrays:
    return {name: array[list(rows)] for name, array in arrays.items()}


def _compare(expected: Mapping[str, NDArray[Any]], given: Mapping[str, NDArray[Any]], *, exact: bool = False) -> None:
    """Compare answers.

    Raises:
        _Parted: they differ by more than rounding, or at all where they must be exact.
    """
    for name, wanted in expected.items():
        found = given[name]
        if wanted.shape != found.shape or not _alike(wanted, found, exact=exact):
            raise _Parted(name)


def _alike(wanted: NDArray[Any], found: NDArray[Any], *, exact: bool) -> bool:
    if exact or wanted.dtype.kind not in "fV":
        return bool(np.array_equal(wanted, found, equal_nan=wanted.dtype.kind == "f"))
    share = _TOLERANCE.get(wanted.dtype.name, 5e-2)
    a, b = wanted.astype(np.float64), found.astype(np.float64)
    finite = np.abs(a[np.isfinite(a)])
    most = float(finite.max()) if finite.size else 0.0
    return bool(np.allclose(a, b, rtol=share, atol=share * most, equal_nan=True))
