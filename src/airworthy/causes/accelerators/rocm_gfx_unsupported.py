"""A ROCm build carries no code for this AMD device's gfx target.

## What happens

The framework sees the AMD device, and the first kernel or the first matrix product fails: `invalid device
function`, `hipErrorNoBinaryForGpu`, or rocBLAS looks for a `TensileLibrary` that is not there. Some programs end
with a segmentation fault right after.

## Why

Code for AMD devices is compiled for one gfx target each, `gfx1100` for a Radeon RX 7900, and there is nothing like
PTX that the driver could compile for others. Builds carry the targets that AMD supports and a few more: most
laptop and middle-class cards (`gfx1031`, `gfx1032`, `gfx1103`) are not among them, old ones were dropped (`gfx803`
with ROCm 4). Each library has its own list: PyTorch may hold the code while rocBLAS does not.

## How to end it

Install a build for a newer ROCm when the device is newer than the build. Where the device has a sibling of the same
instruction set, let it pass for that one with `HSA_OVERRIDE_GFX_VERSION`, `10.3.0` for all of gfx103x: AMD does not
support that, and it works for most. Otherwise build from source for the target, rocBLAS included.

## How to prevent it

Compare the device's target (`rocminfo`) with the build's list (`torch.cuda.get_arch_list()`) before buying or
rolling out; `airworthy check` does that from the installed files.

## Example

```
rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: Illegal seek for GPU arch : gfx1201
```

## References

- https://rocm.docs.amd.com/projects/install-on-linux/en/latest/reference/system-requirements.html
- https://github.com/ROCm/rocBLAS/issues/1339
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import AMD_DEVICES, AMD_GFX_OVERRIDE, FRAMEWORKS
from airworthy.core.messages import say
from airworthy.core.values import FrameworkBuild
from airworthy.knowledge import Knowledge
from airworthy.knowledge.answers import TableAnswer, exact

_NAMED = "the program holds no code for {architecture}"

CAUSE = Cause(
    slug="rocm-gfx-unsupported",
    severity=Severity.ERROR,
    needs=(AMD_DEVICES, FRAMEWORKS),
    uses=(AMD_GFX_OVERRIDE,),
    message="{framework} {version} holds no code for {device} ({architecture}); it was built for {built}",
    signatures=(
        Signature("for GPU arch : gfx", r"for GPU arch : (?P<architecture>gfx[0-9a-f]{3,5})", message=_NAMED),
        Signature(
            "TensileLibrary", r"Cannot read \S{1,300}TensileLibrary", message="rocBLAS holds no code for this GPU"
        ),
        Signature("hipErrorNoBinaryForGpu"),
        Signature("Unable to find code object for all current devices"),
        Signature("hipErrorInvalidDeviceFunction", weight=0.95),
        Signature("ROCm error: invalid device function", weight=0.95),
        Signature("HIP error: invalid device function", weight=0.95),
        Signature("hipErrorSharedObjectInitFailed", weight=0.9),
        Signature("HIP error: shared object initialization failed", weight=0.9),
        Signature("HIP error: device kernel image is invalid", weight=0.9),
        Signature(
            "amdgpu is not supported",
            r"amdgpu is not supported.{0,120}?gpu_type=(?P<architecture>gfx[0-9a-f]{3,5})",
            message=_NAMED,
        ),
        Signature("no compatible amdgpu devices detected", weight=0.9),
        Signature(
            "is not supported",
            r"(?P<architecture>gfx[0-9a-f]{3,5})\S{0,20}(?: \S{1,20}){0,3} is not supported",
            weight=0.9,
            message=_NAMED,
        ),
        Signature(
            "unsupported gpu architecture",
            r"(?i)unsupported gpu architecture:? '?(?P<architecture>gfx[0-9a-f]{3,5})",
            message=_NAMED,
        ),
        Signature(
            "invalid target ID 'gfx",
            r"invalid target ID '(?P<architecture>gfx[0-9a-f]{3,5})",
            weight=0.8,
            message="the compiler does not know {architecture}",
        ),
    ),
    related=("no-kernel-image", "rocm-permission", "cpu-only-build", "attention-backend-unsupported"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare each ROCm build's device code with each kind of device, as itself and as what it is set to pass for."""
    devices = {d.architecture.partition(":")[0]: d for d in facts.value(AMD_DEVICES) if d.architecture}
    told = known.rocm_overridden(facts.get_value(AMD_GFX_OVERRIDE, ""))
    undecided = ""
    for build in facts.value(FRAMEWORKS):
        if build.accelerator != "rocm" or not devices:
            continue
        answer = _code(build, known)
        code = answer.value
        if not code:
            undecided = say("the device code in {framework} could not be read", framework=build.name)
            continue
        unfit = {a for a in devices if not any(known.rocm_runs_on(each, told or a) for each in code)}
        # The integrated device of a processor doesn't keep the card beside it from working.
        is_sure = len(unfit) == len(devices) and not answer.is_newest_row
        severity = Severity.ERROR if is_sure else Severity.WARNING
        for architecture in sorted(unfit):
            yield CAUSE.finding(
                facts,
                build.name,
                evidence=(FRAMEWORKS, AMD_DEVICES, *answer.evidence("rocm")),
                severity=severity,
                confidence=_confidence(build, answer),
                framework=build.name,
                version=build.version.text,
                device=devices[architecture].name,
                architecture=architecture,
                built=code,
            )
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


def _code(build: FrameworkBuild, known: Knowledge) -> TableAnswer[tuple[str, ...]]:
    if build.architectures or build.name != "torch" or build.runtime is None:
        return exact(build.architectures)
    return known.rocm_architectures(build.runtime)


def _confidence(build: FrameworkBuild, answer: TableAnswer[tuple[str, ...]]) -> Confidence:
    if build.architectures:
        return Confidence.HIGH
    return Confidence.LOW if answer.is_newest_row else Confidence.MEDIUM


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Pass for a sibling where there is one; else a build that holds the code."""
    architecture = str(params.get("architecture", "")) or next(
        (d.architecture for d in facts.get_value(AMD_DEVICES, ()) if d.architecture), ""
    )
    sibling = Knowledge().rocm_override(architecture)
    if sibling is not None and sibling.runs in params.get("built", (sibling.runs,)):
        yield Remedy(
            why=say(
                "Let {architecture} pass for {sibling}, which has its instruction set; AMD does not support that.",
                architecture=architecture,
                sibling=sibling.runs,
            ),
            commands=(f"export HSA_OVERRIDE_GFX_VERSION={sibling.value}",),
            safe=True,
        )
    yield Remedy(
        why=say("Show the device's own target, and compare it with the build's list of targets."),
        commands=("rocminfo | grep -E 'Name: +gfx'",),
        safe=True,
    )
    yield Remedy(why=say("Install a build for a newer ROCm that lists the target, or build from source for it."))
