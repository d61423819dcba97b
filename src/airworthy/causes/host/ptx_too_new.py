"""PTX, or a packed fatbin, needs a newer driver than the toolkit's minimum.

## What happens

CUDA starts, memory can be allocated, and a kernel fails with `the provided PTX was compiled with an unsupported
toolchain`. The driver is new enough for the CUDA version by NVIDIA's own table.

## Why

A binary may hold PTX, an intermediate code, in place of machine code for this GPU. The driver compiles it, and knows
the PTX of its own CUDA version and older ones only. Minor-version compatibility covers machine code and not this: a
kernel that Triton, or a toolkit of CUDA 12.8, compiled to PTX needs a driver of 12.8. Likewise fatbins that CUDA 12.4
and later pack in a new way cannot be unpacked by drivers before 550.

## How to end it

Update the driver to the one that the toolkit came with or newer. Or take a build with machine code for this GPU, or one
of an older CUDA.

## How to prevent it

Compile for the GPUs you have (`-gencode arch=compute_90,code=sm_90`), not for PTX alone, and keep the toolkit that
compiles at run time no newer than the driver.

## Example

```
torch.AcceleratorError: CUDA error: the provided PTX was compiled with an unsupported toolchain.
Search for `cudaErrorUnsupportedPtxVersion' in the documentation for more information.
```

## References

- https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
- https://github.com/vllm-project/vllm/issues/31700
- https://github.com/NVIDIA/nvbandwidth/issues/61
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import windows_driver
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.causes.wheels import install, torch_wheel
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import FRAMEWORKS, NVIDIA_CUDA, NVIDIA_DEVICES, NVIDIA_DRIVER, OS_KERNEL
from airworthy.core.messages import say
from airworthy.core.values import FrameworkBuild
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="ptx-too-new",
    severity=Severity.ERROR,
    needs=(NVIDIA_DRIVER, NVIDIA_DEVICES, FRAMEWORKS),
    uses=(NVIDIA_CUDA, OS_KERNEL),
    message="{framework} holds {code} for {device}, which driver {driver} cannot {verb}: it takes {required} or newer",
    signatures=(
        Signature("PTX was compiled with an unsupported toolchain"),
        Signature("cudaErrorUnsupportedPtxVersion"),
        Signature("CUDA_ERROR_UNSUPPORTED_PTX_VERSION"),
        Signature(
            "Unsupported .version",
            r"Unsupported \.version (?P<version>\d+\.\d+)",
            message="PTX of version {version} is newer than what compiles it",
        ),
        Signature("PTX JIT compilation failed", weight=0.9),
        Signature("CUDA_ERROR_INVALID_PTX", weight=0.85),
        Signature("older than the ptxas version", weight=0.6),
        Signature("older than the PTX compiler version", weight=0.6),
    ),
    related=("driver-too-old", "no-kernel-image", "container-cuda-require", "kernel-compile-failed"),
)

UNPACKS = Version("550")
"""The first driver branch that unpacks the fatbins of CUDA 12.4 and later."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Is PTX all that a build has for a device, and does the driver know its version?"""
    driver, speaks = facts.value(NVIDIA_DRIVER), facts.get_value(NVIDIA_CUDA, None)
    devices = {device.architecture: device for device in facts.value(NVIDIA_DEVICES)}
    undecided = ""
    for build in facts.value(FRAMEWORKS):
        if build.accelerator != "cuda" or build.runtime is None or (speaks is not None and speaks >= build.runtime):
            continue
        floor = known.minimum_driver(build.runtime, windows=windows_driver(facts))
        if floor is None:
            undecided = say("no driver is known for CUDA {cuda}", cuda=build.runtime)
            continue
        if known.older(driver, floor):
            continue  # too old for all of it: another cause
        if build.compressed and known.older(driver, UNPACKS):
            yield _finding(facts, build, say("packed code"), say("this device"), say("unpack"), UNPACKS)
            continue
        required = known.driver_for_jit(build.runtime, windows=windows_driver(facts))
        if required is None:
            undecided = say("which driver compiles PTX of CUDA {cuda} is not known", cuda=build.runtime)
            continue
        if not known.older(driver, required):
            continue
        for architecture, device in sorted(devices.items()):
            if _only_ptx(build, architecture, known):
                code = say("only PTX of CUDA {cuda}", cuda=build.runtime)
                yield _finding(facts, build, code, device.name, say("compile"), required)
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


def _only_ptx(build: FrameworkBuild, device: str, known: Knowledge) -> bool:
    # Of a device that is not known more closely this can be said where a build holds nothing but PTX.
    runs = [code for code in build.architectures if not device or known.runs_on(code, device)]
    return bool(runs) and all(code.startswith("compute_") for code in runs)


def _finding(facts: Facts, build: FrameworkBuild, code: str, device: str, verb: str, required: Version) -> Finding:
    return CAUSE.finding(
        facts,
        build.name,
        evidence=(FRAMEWORKS, NVIDIA_DRIVER, NVIDIA_DEVICES),
        confidence=Confidence.HIGH,
        framework=build.name,
        code=code,
        device=device,
        verb=verb,
        driver=facts.value(NVIDIA_DRIVER).text,
        required=required.text,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer driver; a build with machine code; an older compiler at run time."""
    required = str(params.get("required", ""))
    yield Remedy(
        why=say("Install NVIDIA driver {required} or newer on the machine itself and restart it.", required=required)
        if required
        else say(
            "Install the driver that the toolkit came with, or a newer one, on the machine itself and restart it."
        ),
    )
    wheel = torch_wheel(facts) if params.get("framework") == "torch" else None
    if wheel is not None:
        yield install(wheel, facts)
    yield Remedy(
        why=say("Or take a build of an older CUDA, no newer than what `nvidia-smi` shows as the driver's."),
        commands=("nvidia-smi",),
        safe=True,
    )
