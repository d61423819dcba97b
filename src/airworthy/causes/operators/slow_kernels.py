"""Kernels fall short of what the device's memory and arithmetic allow.

## What happens

The model runs, slower than the device could. `airworthy check --probe` measures copies, matrix products, convolution,
layer norm, softmax and attention, and finds one that takes longer than the device's bandwidth and arithmetic explain;
or a fused attention kernel that gains nothing.

## Why

The framework was ported to the device without a kernel made for it, or the wheel lacks it ("not compiled with flash
attention"); the device is held down by power, heat or its clocks, shared with another program, or sits in a slot with
fewer lanes; the type has no matrix unit on this device; or the size does not fit the kernel's tiles.

## How to end it

Look first at whether the device is held down or shared. Then take the framework's build for this device, its newest
release, and the attention kernel that the battery found fastest.

## How to prevent it

Run `airworthy check --probe` on a new machine and after updates, keep its JSON, and compare.

## Example

```
slow-kernels  attention on cuda:0
    attention in bfloat16 on cuda:0 (NVIDIA H200, torch) reaches 38 % of what
    its published bandwidth and arithmetic allow
```

## References

- https://dl.acm.org/doi/10.1145/1498765.1498785
- https://docs.nvidia.com/deeplearning/performance/dl-performance-gpu-background/index.html
- https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from airworthy.causes import battery
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.keys import AMD_DEVICES, BATTERY_DEVICES, BATTERY_TRIALS, NVIDIA_DEVICES
from airworthy.core.messages import say
from airworthy.core.values import DeviceTrial, TriedDevice
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="slow-kernels",
    severity=Severity.WARNING,
    needs=(BATTERY_DEVICES, BATTERY_TRIALS),
    uses=(NVIDIA_DEVICES, AMD_DEVICES),
    message="{operation} in {dtypes} on {device} reaches {percent} % of what {limit} allow",
    signatures=(
        Signature(
            " % of what ",
            r"(?P<operation>[\w-]{3,30}) in (?P<dtypes>[\w, ]{3,80}) on (?P<device>[\w:., ()-]{1,80}) "
            r"reaches (?P<percent>\d{1,3}) % of what (?P<limit>[\w ]{3,60}) allow",
        ),
        Signature("Torch was not compiled with flash attention", weight=0.9),
        Signature("Torch was not compiled with memory efficient attention", weight=0.9),
        Signature(
            "times as long as without fusion",
            r"attention in (?P<dtypes>[\w, ]{3,80}) on (?P<device>[\w:., ()-]{1,80}) takes",
        ),
    ),
    related=("attention-backend-unsupported", "wrong-numbers", "gpu-in-use", "gpu-hardware-fault"),
)

_LOSS = "fused attention in {dtypes} on {device} takes {ratio} times as long as without fusion"
_FAR = 0.35
"""Below this share of its published figures even a copy or a matrix product is not as it should be: half of enough."""
_NO_GAIN = 0.9
"""A fused kernel that is slower by more than what measuring is uncertain."""
_LONG = 10
"""How many times as long as a kernel's start a run has to take before its time says something about the kernel."""
_NOISY = frozenset({"float16", "bfloat16"})
"""Types that most processors convert; they are no port's fault."""


class _Short(NamedTuple):
    """A test that falls short."""

    trial: DeviceTrial
    share: float
    published: bool
    severity: Severity


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Each device's kernels against its roofline, and fused against unfused attention."""
    unsure: list[str] = []
    for device, trials in battery.tried(facts):
        judged = battery.worth_judging(trials)
        if battery.on_cpu(device):
            if battery.is_busy(device):
                unsure.append(say("other programs use {share:.0%} of the processors", share=min(1.0, device.load)))
                continue
            judged = tuple(trial for trial in judged if trial.dtype not in _NOISY)
        short: dict[str, list[_Short]] = {}
        for trial in judged:
            each = _judge(trial, device, trials, facts, known)
            if each is not None:
                short.setdefault(trial.operation, []).append(each)
        for found in short.values():
            yield _finding(found, device, facts)
        for gain in battery.gains(trials):
            slower = gain.times < _NO_GAIN and not (battery.on_cpu(device) and gain.fused.dtype in _NOISY)
            if slower and gain.fused.dtype != "float64":
                yield _loss(gain, device, facts)
        if not judged and not device.problem:
            unsure.append(say("no test of {device} came to a result", device=device.device))
    if unsure:
        raise Undecidable("{reasons}", reasons="; ".join(dict.fromkeys(unsure)))


def _judge(
    trial: DeviceTrial, device: TriedDevice, trials: Sequence[DeviceTrial], facts: Facts, known: Knowledge
) -> _Short | None:
    """The test where it falls short: of the published figures where they are known, else of the device's own."""
    if trial.fastest < _LONG * device.overhead:
        return None
    name = battery.marketing_name(device, facts)
    by_maker = battery.share(trial, battery.published(known, name, trial.dtype), device.overhead)
    own = battery.share_of_own(trial, trials, device.overhead)
    decides = by_maker if by_maker is not None else own
    if decides is None or decides >= battery.ENOUGH:
        return None
    if battery.on_cpu(device):
        severity = Severity.INFO  # its caches, its clock and other programs make that a hint
    elif own is not None:
        # A kernel that does as well as the device's own products and copies is not what holds the device back.
        severity = Severity.WARNING if own < battery.ENOUGH else Severity.INFO
    else:
        severity = Severity.WARNING if decides < _FAR else Severity.INFO
    return _Short(trial, decides, by_maker is not None, severity)


def _finding(found: Sequence[_Short], device: TriedDevice, facts: Facts) -> Finding:
    worst = min(found, key=lambda each: each.share)
    severity = max((each.severity for each in found), key=lambda each: each.rank)
    limit = say("its published bandwidth and arithmetic" if worst.published else "its own copies and matrix products")
    return CAUSE.finding(
        facts,
        say("{operation} on {device}", operation=worst.trial.operation, device=device.device),
        evidence=[_figures(each.trial, facts, each.share) for each in sorted(found, key=lambda each: each.share)[:3]],
        severity=severity,
        confidence=Confidence.HIGH if worst.published else Confidence.MEDIUM,
        operation=worst.trial.operation,
        dtypes=tuple(dict.fromkeys(each.trial.dtype for each in found)),
        device=battery.label(device, battery.marketing_name(device, facts)),
        percent=round(100 * worst.share),
        limit=limit,
        kind=device.kind,
        variant=worst.trial.variant,
    )


def _loss(gain: battery.Gain, device: TriedDevice, facts: Facts) -> Finding:
    return CAUSE.finding(
        facts,
        say("fused attention on {device}", device=device.device),
        evidence=(_figures(gain.fused, facts, None), _figures(gain.unfused, facts, None)),
        severity=Severity.INFO if battery.on_cpu(device) else Severity.WARNING,
        message=_LOSS,
        operation="attention",
        dtypes=gain.fused.dtype,
        device=battery.label(device, battery.marketing_name(device, facts)),
        ratio=f"{1 / gain.times:.2f}",
        kind=device.kind,
        variant=gain.fused.variant,
    )


def _figures(trial: DeviceTrial, facts: Facts, share: float | None) -> Evidence:
    value: dict[str, Any] = {"test": battery.named(trial), "shape": trial.shape, "seconds": trial.fastest}
    value |= {"flops": trial.flops, "bytes": trial.bytes}
    if share is not None:
        value["share"] = round(share, 3)
    return Evidence(fact=BATTERY_TRIALS.name, value=value, source=facts.source(BATTERY_TRIALS))


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """What holds the device down, then what runs on it."""
    if params.get("kind") == "cuda":
        yield Remedy(
            why=say("See whether power, heat or another program holds the device down, and at which link it sits."),
            commands=("nvidia-smi -q -d PERFORMANCE,CLOCK,POWER,PIDS", "nvidia-smi topo -m"),
            safe=True,
        )
    elif params.get("kind") in battery.CPU_KINDS:
        yield Remedy(
            why=say("See that there are as many threads as cores and that no quota or power mode holds them down."),
            commands=("airworthy facts",),
            safe=True,
        )
    else:
        yield Remedy(
            why=say("See with the maker's tool whether power, heat or another program holds the device down."),
            safe=True,
        )
    if params.get("operation") == "attention":
        yield Remedy(
            why=say(
                "Choose the attention kernel that the battery found fastest: `torch.nn.attention.sdpa_kernel`, or "
                "`--attention-backend` of a server."
            ),
            safe=True,
        )
    yield Remedy(why=say("Take the framework's newest build for this device: missing kernels come with releases."))
