"""The binary carries no code for this GPU's compute capability.

## What happens

The framework sees the GPU, often moves tensors to it, and fails at the first kernel. The GPU may be too new for the
build or too old for it.

## Why

A CUDA binary carries machine code for some compute capabilities (`sm_80`) and perhaps PTX (`compute_90`) that the
driver compiles for newer ones. Machine code runs on its own major version from its minor version up: `sm_80` runs
on an RTX 3090 (8.6), and nothing made for 9.0 runs on a Blackwell GPU (12.0). Builds drop old GPUs one by one: CUDA
13 ended with Volta, and PyTorch's cu128 wheels left out Pascal before that. So the wheel's tag decides, not the
framework's version.

## How to end it

Install a build whose list of architectures covers the GPU: a newer CUDA tag for a new GPU, an older tag (cu126) for
an old one. Where no build does, build from source for that architecture.

## How to prevent it

Compare the build's own list with the device before a roll-out; `airworthy check` does that from the installed
files.

## Example

```
NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation.
The current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90.
RuntimeError: CUDA error: no kernel image is available for execution on the device
```

## References

- https://github.com/pytorch/pytorch/issues/157517
- https://docs.nvidia.com/datacenter/tesla/drivers/cuda-toolkit-driver-and-architecture-matrix.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.causes.wheels import install, torch_wheel
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import FRAMEWORKS, NVIDIA_DEVICES, NVIDIA_DRIVER, OS_KERNEL
from airworthy.core.values import FrameworkBuild
from airworthy.core.words import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="no-kernel-image",
    severity=Severity.ERROR,
    needs=(NVIDIA_DEVICES, FRAMEWORKS),
    uses=(NVIDIA_DRIVER, OS_KERNEL),
    message="{framework} {version} holds no code for {device} ({architecture}); it was built for {built}",
    signatures=(
        Signature("no kernel image is available for execution on the device"),
        Signature("CUDA_ERROR_NO_BINARY_FOR_GPU"),
        Signature(
            "is not compatible with the current PyTorch installation",
            r"CUDA capability (?P<architecture>sm_\w+) is not compatible",
            message="the installed PyTorch holds no code for {architecture}",
        ),
        Signature("PyTorch no longer supports this GPU because it is too old"),
        Signature(
            "has no device code compatible with CUDA arch",
            r"compatible with CUDA arch (?P<capability>\d+)",
            message="the program holds no code for CUDA architecture {capability}",
        ),
        Signature(
            "Unsupported SM: 0x",
            r"Unsupported SM: (?P<capability>0x[0-9a-f]+)",
            message="TensorRT holds no code for SM {capability}",
        ),
        Signature("cudaErrorNoKernelImageForDevice", weight=0.9),
        Signature(
            "TensorFlow was not built with CUDA kernel binaries compatible with compute capability",
            r"compute capability (?P<capability>\d+\.\d+)",
            weight=0.6,
            message="TensorFlow holds no machine code for compute capability {capability}",
        ),
        Signature("CUDA error: invalid device function", weight=0.6),
        Signature("device kernel image is invalid", weight=0.6),
    ),
    related=("ptx-too-new", "rocm-gfx-unsupported", "cuda-toolkit-torch-mismatch", "attention-backend-unsupported"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare each build's device code with each kind of device."""
    devices = {d.architecture: d for d in facts.value(NVIDIA_DEVICES) if d.architecture}
    undecided = ""
    for build in facts.value(FRAMEWORKS):
        if build.accelerator != "cuda":
            continue
        unfit = {a for a in devices if _lacks(build, a, known)}
        # A second, older card that only drives the screen doesn't keep the first one from working.
        severity = Severity.ERROR if len(unfit) == len(devices) else Severity.WARNING
        for architecture in sorted(unfit):
            yield CAUSE.finding(
                facts,
                build.name,
                evidence=(FRAMEWORKS, NVIDIA_DEVICES),
                severity=severity,
                confidence=Confidence.HIGH if build.architectures else Confidence.MEDIUM,
                framework=build.name,
                version=build.version.text,
                device=devices[architecture].name,
                architecture=architecture,
                built=_code(build, known) or (say("CUDA {cuda}", cuda=build.runtime),),
            )
        if devices and not unfit and not _code(build, known):
            undecided = say("the device code in {framework} could not be read", framework=build.name)
    if undecided:
        raise Undecidable(undecided)


def _code(build: FrameworkBuild, known: Knowledge) -> tuple[str, ...]:
    if build.architectures or build.name != "torch" or build.runtime is None:
        return build.architectures
    return known.torch_architectures(build.version, build.runtime)


def _lacks(build: FrameworkBuild, device: str, known: Knowledge) -> bool:
    code = _code(build, known)
    if code:
        return not any(known.runs_on(each, device) for each in code)
    return build.runtime is not None and known.toolkit_dropped(build.runtime, device)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A wheel that holds the code, and that the driver runs."""
    architecture = str(params.get("architecture", ""))
    devices = [d.architecture for d in facts.get_value(NVIDIA_DEVICES, ()) if d.architecture]
    wanted = architecture or (devices[0] if devices else "")
    wheel = torch_wheel(facts, wanted) if params.get("framework", "torch") == "torch" else None
    if wheel is not None:
        yield install(wheel, facts)
    first = Knowledge().first_toolkit(wanted) if wanted else None
    yield Remedy(
        why=say(
            "Install a build that lists {architecture}, or build from source for it with CUDA {first} or newer.",
            architecture=wanted,
            first=first,
        )
        if first is not None
        else say("Install a build whose list of architectures covers the GPU, or build from source for it.")
    )
