"""A kernel fails, crashes or hangs when it is tried on the device.

## What happens

`airworthy check --probe` starts a process that runs one small kernel after another on the device. One of them raised
an error that the catalogue does not know, ended its process, or gave no answer within the time limit.

## Why

Loading a library or a kernel shows what no version number does: a driver that hangs, a build for another device, a
plug-in that does not fit its framework, a device in a bad state. Errors that are known come out under their own names,
`no-kernel-image` for one; what is left here has to be read.

## How to end it

Read the last line of what the test said. Run it again with the device free; restart the device's driver or the
machine if it hangs; then bring driver, toolkit, framework and plug-in to versions that belong together.

## How to prevent it

Run `airworthy check --probe` in the image that will be deployed, on the kind of machine it is deployed to.

## Example

```
device-test-failed  matmul in float16 on npu:0
    matmul in float16 on npu:0 (torch) hangs when tried: no answer within the time limit; the process was ended
```

## References

- https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution
- https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.battery import label, named, on_cpu, tried
from airworthy.causes.commands import python
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Evidence, Finding, Remedy, Severity
from airworthy.core.keys import BATTERY_DEVICES, BATTERY_TRIALS
from airworthy.core.messages import say
from airworthy.core.values import DeviceTrial, TriedDevice
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="device-test-failed",
    severity=Severity.ERROR,
    needs=(BATTERY_DEVICES, BATTERY_TRIALS),
    message="{test} on {device} {way} when tried: {said}",
    signatures=(
        Signature(
            " when tried: ",
            r"(?P<test>[\w() -]{3,60}) on (?P<device>[\w:., ()-]{1,80}) "
            r"(?P<way>fails|crashes|hangs|is missing) when tried: (?P<said>.{1,300})",
        ),
    ),
    related=("no-kernel-image", "illegal-memory-access", "gpu-hardware-fault", "op-not-implemented", "wrong-numbers"),
)

_WAYS = {"failed": "fails", "crashed": "crashes", "hung": "hangs", "unsupported": "is missing"}
_LONGEST = 300


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Devices that could not be tried, and tests without a result; tests that say the same are reported once."""
    left: list[str] = []
    for device, trials in tried(facts):
        if device.problem:
            yield _finding(facts, device, (), "failed", device.problem)
        groups: dict[tuple[str, str], list[DeviceTrial]] = {}
        for trial in trials:
            # A kernel that a framework does not list is no fault, except where all models need it; ONNX Runtime takes
            # the CPU's then.
            missing = trial.outcome == "unsupported" and trial.dtype == "float32" and trial.variant in ("", "unfused")
            missing = missing and trial.framework == "torch"
            if missing or trial.outcome in ("failed", "crashed", "hung"):
                groups.setdefault((trial.outcome, last_line(trial.detail)), []).append(trial)
        for (outcome, _), same in groups.items():
            yield _finding(facts, device, same, outcome, same[0].detail)
        skipped = sum(trial.outcome == "not-run" for trial in trials)
        if skipped:
            left.append(say("{count} tests of {device} were not run", count=skipped, device=device.device))
    if left:
        raise Undecidable("{reasons}", reasons="; ".join(left))


def last_line(text: str) -> str:
    """The line of an error that says most: the last one."""
    return text.rstrip().rpartition("\n")[2].strip()[:_LONGEST]


def _finding(
    facts: Facts, device: TriedDevice, same: list[DeviceTrial] | tuple[()], outcome: str, detail: str
) -> Finding:
    first = named(same[0]) if same else say("loading {framework}", framework=device.framework)
    key = BATTERY_TRIALS if same else BATTERY_DEVICES
    template = "{test} and {more} more on {device}" if len(same) > 1 else "{test} on {device}"
    return CAUSE.finding(
        facts,
        say(template, test=first, more=len(same) - 1, device=device.device),
        evidence=(Evidence(fact=key.name, value=detail, source=facts.source(key)),),
        test=first,
        tests=tuple(named(trial) for trial in same),
        device=label(device),
        way=say(_WAYS[outcome]),
        said=last_line(detail) or say("nothing"),
        kind="" if on_cpu(device) else device.kind,
        framework=device.framework,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Again alone, then what belongs together."""
    environment = "CUDA_LAUNCH_BLOCKING=1 " if params.get("kind") in ("cuda", "rocm") else ""
    yield Remedy(
        why=say("Try again with nothing else on the device; errors are then reported where they happen."),
        commands=(f"{environment}airworthy check --probe",),
        safe=True,
    )
    framework = str(params.get("framework", ""))
    if framework:
        yield Remedy(
            why=say("See whether {framework} can be loaded at all, and what it says.", framework=framework),
            commands=(python(facts, "-X", "faulthandler", "-c", f"import {framework}"),),
            safe=True,
        )
    yield Remedy(
        why=say(
            "Bring driver, toolkit, framework and plug-in to versions that belong together; "
            "`airworthy check` says which."
        )
    )
