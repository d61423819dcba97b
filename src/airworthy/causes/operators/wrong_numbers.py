"""A device or a kernel computes wrong numbers.

## What happens

Nothing fails, and the answers are not those of the model: text that makes no sense, embeddings that are near nothing,
another class for the same picture, or only a little worse than elsewhere. `airworthy check --probe` compares each
kernel with the same computation in float64 and finds it further off than rounding can explain.

## Why

A kernel of a port has a fault for a size, a type or a layout; a library and a device don't fit; float32 is silently
multiplied with fewer bits (tf32, HF32, bfloat16); or the device itself is damaged: memory without error correction,
a processor core that miscomputes. A fault of software gives the same wrong numbers every time, a fault of hardware
mostly does not.

## How to end it

Run `airworthy check --probe` again. If the same tests fail with the same error, update the framework and the
accelerator's libraries, or take another kernel for that operation. If others fail, take the device out of service and
run its maker's test.

## How to prevent it

Run `airworthy check --probe` after every change of driver, framework or device, and compare outputs with a
reference before a release takes over.

## Example

```
wrong-numbers  attention (flash) in bfloat16 on cuda:0
    attention (flash) in bfloat16 on cuda:0: off from float64 by 41 times what rounding explains
```

## References

- https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html
- https://epubs.siam.org/doi/10.1137/18M1226312
- https://arxiv.org/abs/2102.11245
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.battery import coarser, label, named, tried
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Evidence, Finding, Remedy, Severity
from airworthy.core.keys import BATTERY_TRIALS
from airworthy.core.messages import say
from airworthy.core.values import DeviceTrial
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="wrong-numbers",
    severity=Severity.ERROR,
    needs=(BATTERY_TRIALS,),
    message="{test} on {device}: off from float64 by {times} times what rounding explains",
    signatures=(
        Signature(
            "times what rounding explains",
            r"(?P<test>[\w() -]{3,60}) on (?P<device>[\w:., ()-]{1,80}): "
            r"off from float64 by (?P<times>[\d.e+]{1,20}) times",
        ),
        Signature("Tensor-likes are not close!", weight=0.85),
        Signature("Not equal to tolerance rtol=", weight=0.8),
        Signature("outputs do not match between the backends", weight=0.6),
    ),
    related=("gpu-hardware-fault", "nan-in-output", "dtype-unsupported", "slow-kernels"),
)

_ONLY = "{test} on {device}: no better than {coarser}"
_INFINITE = 1e29


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Each test against the bound of its type."""
    compared = False
    for device, trials in tried(facts):
        for trial in trials:
            if trial.outcome != "ok":
                continue
            compared = True
            if trial.error <= 1:
                continue
            only = coarser(trial)
            severity = Severity.ERROR
            if only:  # a model in float64 is rare; one in float32 was to be that exact
                severity = Severity.INFO if trial.dtype == "float64" else Severity.WARNING
            yield CAUSE.finding(
                facts,
                say("{test} on {device}", test=named(trial), device=device.device),
                evidence=(_figures(trial, facts),),
                severity=severity,
                message=_ONLY if only else "",
                test=named(trial),
                device=label(device),
                times=say("infinitely many") if trial.error >= _INFINITE else f"{trial.error:.3g}",
                coarser=only,
                operation=trial.operation,
                dtype=trial.dtype,
                variant=trial.variant,
                framework=trial.framework,
                kind=device.kind,
            )
    if not compared:
        raise Undecidable("no test of the battery came to a result")


def _figures(trial: DeviceTrial, facts: Facts) -> Evidence:
    value = {"shape": trial.shape, "times_the_bound": trial.error, "largest_difference": trial.largest}
    return Evidence(fact=BATTERY_TRIALS.name, value=value, source=facts.source(BATTERY_TRIALS))


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Again, then another kernel, then the hardware."""
    yield Remedy(
        why=say("Try it again: software gives the same wrong numbers every time, damaged hardware mostly does not."),
        commands=("airworthy check --probe",),
        safe=True,
    )
    if params.get("coarser") == "tf32":
        yield Remedy(
            why=say('Have float32 multiplied as such: `torch.set_float32_matmul_precision("highest")`.'), safe=True
        )
    elif params.get("operation") == "attention" and params.get("variant"):
        yield Remedy(
            why=say(
                "Take another attention kernel: `torch.nn.attention.sdpa_kernel` in PyTorch, `--attention-backend` in "
                "servers."
            ),
            safe=True,
        )
    yield Remedy(why=say("Update the framework and the accelerator's libraries; a fault of a kernel is fixed there."))
    # A log doesn't say what the device is; for all but NVIDIA's there is the maker's own test.
    nvidia = params.get("kind") in ("cuda", "CUDAExecutionProvider")
    yield Remedy(
        why=say("If it is not the same every time, test the hardware with its maker's tool."),
        commands=("dcgmi diag -r 3",) if nvidia else (),
    )
