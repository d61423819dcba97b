"""What was measured of this machine: how fast its memory, its arithmetic and its disk are. Kept for later estimates."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import datetime, timezone
from typing import Any, NamedTuple

import msgspec

from airworthy.core.cores import usable_cores
from airworthy.core.facts import Facts, Known
from airworthy.core.keys import BATTERY_TRIALS, CPU_MODEL
from airworthy.core.messages import say
from airworthy.core.progress import Progress
from airworthy.core.settings import Settings
from airworthy.fit.devices import MEASURED, Rate
from airworthy.state import profiles
from airworthy.state.directory import state_directory

PROBE_SECONDS = 20.0
"""Seconds that the battery of kernels may take."""
_TYPES = ("float32", "float16", "bfloat16", "int8")


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    at: str
    """When, ISO 8601 in UTC."""
    cores: int
    """Cores that were used."""
    rates: dict[str, float]
    """`memory` and `disk` in bytes a second, types in operations a second."""
    by: dict[str, str]
    """What measured each."""


class Kept(NamedTuple):
    """A calibration as estimates use it."""

    rates: dict[str, Rate]
    """Each rate with where it is from."""
    told: dict[str, Any]
    """It as plain data."""


def current(facts: Facts, settings: Settings, *, measure: bool, progress: Progress) -> Kept | None:
    """What is known of this machine by measuring; measured now where that is asked for.

    Returns:
        The calibration; None where none was ever made, or the processor is another one.
    """
    cores = int(usable_cores(facts) or 1)
    directory, key = state_directory(settings), _key(facts, cores)
    if measure:
        found = _measured(facts, cores, progress)
        profiles.keep(directory, key, found, at=found.at)
    else:
        kept = profiles.load(directory, key, Calibration)
        if kept is None:
            return None
        found = kept
    source = say("this machine, {at}", at=found.at)
    rates = {name: Rate(value, MEASURED, f"{found.by.get(name, '')}, {source}") for name, value in found.rates.items()}
    return Kept(rates, msgspec.to_builtins(found))


def _key(facts: Facts, cores: int) -> str:
    known = ("calibration", facts.get_value(CPU_MODEL, ""), cores)
    return hashlib.sha256(msgspec.json.encode(known)).hexdigest()[:32]


def _measured(facts: Facts, cores: int, progress: Progress) -> Calibration:
    from airworthy.flows import battery
    from airworthy.flows.facts import gather
    from airworthy.probes.host import bandwidth, storage
    from airworthy.probes.seam.local import LocalHost

    progress.stage(say("measuring memory"))
    rates, by = (
        {"memory": bandwidth.measure(cores)},
        {"memory": say("copies of 64 MiB by {cores} threads", cores=cores)},
    )
    progress.stage(say("measuring the disk"))
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        disk = storage.measure(LocalHost(), folder, size=128 << 20, seconds=1.0)
    if isinstance(disk, Known):
        rates["disk"], by["disk"] = float(disk.value.read), disk.source
    progress.stage(say("measuring arithmetic"))
    installed = gather(only=("distributions", "python-environment"))
    tried = battery.run(facts.merged(installed), PROBE_SECONDS, progress)
    for trial in Facts(tried).get_value(BATTERY_TRIALS, ()):
        usable = trial.operation == "matmul" and trial.outcome == "ok" and trial.dtype in _TYPES and trial.fastest > 0
        is_cpu = trial.device in ("cpu", "CPUExecutionProvider")
        if usable and is_cpu and trial.flops / trial.fastest > rates.get(trial.dtype, 0.0):
            rates[trial.dtype] = trial.flops / trial.fastest
            by[trial.dtype] = say("{framework}, {shape}", framework=trial.framework, shape=trial.shape)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Calibration(at=now, cores=cores, rates=rates, by=by)
