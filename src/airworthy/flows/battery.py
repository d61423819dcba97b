"""Trying the devices: the battery is run, its failures are put before the catalogue, its figures reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from airworthy.causes import battery
from airworthy.core.facts import Fact, Facts, Known, Unknown
from airworthy.core.finding import Evidence, Finding
from airworthy.core.keys import (
    AMD_DEVICES,
    ASCEND_DEVICES,
    BATTERY_DEVICES,
    BATTERY_TRIALS,
    DISTRIBUTIONS,
    NVIDIA_DEVICES,
    PYTHON_EXECUTABLE,
    Key,
)
from airworthy.core.messages import say
from airworthy.core.progress import Progress
from airworthy.core.report import CheckResult, Failed, Passed
from airworthy.core.values import Device, DeviceTrial
from airworthy.knowledge import Knowledge

FAILED = "device-test-failed"
"""The entry that reports a test's failure where no other entry knows its cause."""
_WRAPPERS = frozenset({FAILED, "cause-not-in-log", "worker-died"})
"""Entries that say no more than it does."""
_COUNTED: dict[str, Key[tuple[Device, ...]]] = {
    "CUDAExecutionProvider": NVIDIA_DEVICES,
    "ROCMExecutionProvider": AMD_DEVICES,
    "MIGraphXExecutionProvider": AMD_DEVICES,
    "CANNExecutionProvider": ASCEND_DEVICES,
}


def run(facts: Facts, seconds: float, progress: Progress) -> dict[str, Fact]:
    """Test the devices through the frameworks of the environment that the facts are of; the results are facts."""
    from airworthy.probes.battery.runner import run as try_devices

    installed = facts.fact(DISTRIBUTIONS)
    python = facts.fact(PYTHON_EXECUTABLE)
    for key, fact in ((DISTRIBUTIONS, installed), (PYTHON_EXECUTABLE, python)):
        if not isinstance(fact, Known):
            reason = Unknown(say("{fact} is unknown: {reason}", fact=key.name, reason=facts.source(key)))
            return {BATTERY_DEVICES.name: reason, BATTERY_TRIALS.name: reason}
    # A provider is listed where its library is installed, whether or not there is a device; a count of none says so.
    counts = {
        provider: len(facts.get_value(key, ()))
        for provider, key in _COUNTED.items()
        if not isinstance(facts.fact(key), Unknown)
    }
    return try_devices(
        facts.value(PYTHON_EXECUTABLE),
        frameworks(facts),
        seconds=seconds,
        counts=counts,
        progress=progress,
    )


def frameworks(facts: Facts) -> tuple[str, ...]:
    """The frameworks of the battery that are installed; a build of ONNX Runtime may have a name of its own."""
    names = {distribution.name for distribution in facts.get_value(DISTRIBUTIONS, ())}
    runtime = any(name == "onnxruntime" or name.startswith(("onnxruntime-", "ort-")) for name in names)
    return (*(("torch",) if "torch" in names else ()), *(("onnxruntime",) if runtime else ()))


def explained(results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """The checks with each failed test under the cause that the catalogue finds in what it said."""
    failed = next((each for each in results if isinstance(each, Failed) and each.check == FAILED), None)
    if failed is None:
        return results
    known: dict[str, list[Finding]] = {}
    for finding in failed.findings:
        named = _explained(finding)
        found = known.setdefault(named.cause, [])
        # Two groups of tests that fail for one cause on one device are one finding.
        if all(
            (other.message, other.subject.rpartition(" ")[2]) != (named.message, named.subject.rpartition(" ")[2])
            for other in found
        ):
            found.append(named)
    kept: list[CheckResult] = []
    for each in results:
        more = tuple(known.pop(each.check, ()))
        if each.check == FAILED:
            note = say("the catalogue knows why each of them failed")
            kept.append(Failed(FAILED, more) if more else Passed(FAILED, note))
        elif not more:
            kept.append(each)
        else:
            kept.append(Failed(each.check, (*more, *(each.findings if isinstance(each, Failed) else ()))))
    return (*kept, *(Failed(slug, tuple(found)) for slug, found in known.items()))


def _explained(finding: Finding) -> Finding:
    """A failed test as a finding of its cause, or as it is."""
    from airworthy.recognition import diagnose

    told: Evidence = finding.evidence[0]
    found = [each for each in diagnose(str(told.value)).findings if each.cause not in _WRAPPERS]
    if not found:
        return finding
    cause = found[0]
    return msgspec.structs.replace(
        cause,
        subject=finding.subject,
        evidence=(*cause.evidence, told),
        params={**finding.params, **cause.params},
        passed_over="",
    )


def answer(facts: Facts) -> dict[str, Any]:
    """What was measured, as plain data: each device with its tests, what they reached, and what fusion gained."""
    devices = facts.fact(BATTERY_DEVICES)
    if not isinstance(devices, Known):
        return {"unknown": facts.source(BATTERY_DEVICES)}
    return {"devices": list(_devices(facts))}


def _devices(facts: Facts) -> Iterator[dict[str, Any]]:
    known = Knowledge()
    for device, trials in battery.tried(facts):
        name = battery.marketing_name(device, facts)
        about: dict[str, Any] = msgspec.to_builtins(device)
        rows = []
        for trial in trials:
            row: dict[str, Any] = msgspec.to_builtins(trial)
            del row["framework"], row["device"]
            if trial.outcome == "ok" and trial.seconds:
                row["gflops"] = round(trial.flops / trial.seconds / 1e9, 3)
                row["gbytes"] = round(trial.bytes / trial.seconds / 1e9, 3)
                ceiling = battery.published(known, name, trial.dtype)
                row["share"] = battery.share(trial, ceiling, device.overhead)
                row["share_of_own"] = battery.share_of_own(trial, trials, device.overhead)
            row["verdict"] = verdict(trial)
            rows.append(row)
        gains = {
            gain.fused.dtype: {"kernel": gain.fused.variant, "times": round(gain.times, 2)}
            for gain in battery.gains(trials)
        }
        yield {**about, "name": name, "busy": battery.is_busy(device), "tests": rows, "gains": gains}


def verdict(trial: DeviceTrial) -> str:
    """`right`, `wrong`, `as tf32` for a result no better than that, or the outcome of a test without a result."""
    if trial.outcome != "ok":
        return trial.outcome
    if name := battery.coarser(trial):
        return f"as {name}"
    return "wrong" if trial.error > 1 else "right"
