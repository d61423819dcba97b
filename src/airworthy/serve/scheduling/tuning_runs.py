"""Makes the trial runs of a tuner while no client asks for anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from airworthy.core.model import TensorSpec
from airworthy.serve.scheduling.model_runtime import ModelRuntime
from airworthy.serve.scheduling.tuner import BatchTuner, Profile, TuningRun
from airworthy.serve.tensors import BYTE_WIDTH, Tensor, TensorMeta, element_count
from airworthy.serve.workers.wire import Ready

QUIET_S = 0.5
"""Seconds without a request after which a trial is made."""
SETTLE_S = 1.0
"""Seconds for the runtime to prepare itself for runs side by side, at the least."""
MAX_TUNING_STEPS = 400
"""Trials and waits for a quiet moment, after which tuning is given up; the next start begins anew."""


def blank(specs: Sequence[TensorSpec], trial: TuningRun) -> list[Tensor] | None:
    """Inputs of zeros in a trial's shape; None for models whose shapes or types can't be made up."""
    tensors = []
    for spec in specs:
        shape = (trial.rows, trial.length) if trial.length else (trial.rows, *spec.shape[1:])
        if spec.datatype not in BYTE_WIDTH or any(size < 0 for size in shape) or len(shape) != len(spec.shape):
            return None
        # A mask of ones: some models divide by its sum.
        filler = b"\1" if "mask" in spec.name else b"\0"
        width = BYTE_WIDTH[spec.datatype]
        data = (filler + bytes(width - 1)) * element_count(shape)
        tensors.append(Tensor(TensorMeta(spec.name, spec.datatype, shape, len(data)), data))
    return tensors


async def find(
    runtime: ModelRuntime, ready: Ready, *, is_text: bool, most_rows: int, longest: int | None = None
) -> Profile | None:
    """Search for the profile of a model that is being served, between its requests.

    Args:
        runtime: what runs it.
        ready: what its first runner said.
        is_text: whether its rows are texts.
        most_rows: rows that a batch may have.
        longest: tokens of the longest text that it takes; None for any.

    Returns:
        The profile; None where the model can't be tried, a trial failed, or it never was left in peace.
    """
    tuner = BatchTuner(ready.lanes, is_text=is_text, most_rows=most_rows, longest=longest)
    first = tuner.next
    if first is None or blank(ready.inputs, first) is None:
        return None
    beside = False
    for _ in range(MAX_TUNING_STEPS):
        trial = tuner.next
        if trial is None:
            return tuner.profile
        if runtime.quiet_for() < QUIET_S:
            await asyncio.sleep(QUIET_S)
            continue
        tensors = blank(ready.inputs, trial)
        assert tensors is not None
        copies = 1 if trial.exclusive else ready.lanes
        if not trial.exclusive and not beside:
            beside = True
            await runtime.time_runs(tensors, exclusive=False, copies=copies)
            await asyncio.sleep(max(SETTLE_S, 2 * ready.seconds))
            continue
        seconds = await runtime.time_runs(tensors, exclusive=trial.exclusive, copies=copies)
        if seconds is None:
            return None
        tuner.record(seconds)
    return None
