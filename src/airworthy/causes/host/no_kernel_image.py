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
from typing import Any, NamedTuple

from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.causes.wheels import install, torch_wheel
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, FRAMEWORKS, NVIDIA_DEVICES, NVIDIA_DRIVER, OS_KERNEL
from airworthy.core.messages import say
from airworthy.core.values import Device, FrameworkBuild
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="no-kernel-image",
    severity=Severity.ERROR,
    needs=(NVIDIA_DEVICES, FRAMEWORKS),
    uses=(DISTRIBUTIONS, NVIDIA_DRIVER, OS_KERNEL),
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
    """Compare each layer with each kind of device: the wheel's code, its toolkit, cuDNN, the engine."""
    devices = {d.architecture: d for d in facts.value(NVIDIA_DEVICES) if d.architecture}
    if facts.value(NVIDIA_DEVICES) and not devices:
        raise Undecidable("the compute capability of {device} is not known", device=facts.value(NVIDIA_DEVICES)[0].name)
    undecided = ""
    for build in facts.value(FRAMEWORKS):
        if build.accelerator != "cuda":
            continue
        lacking = {a: lack for a in devices if (lack := _lacks(build, a, known)) is not None}
        # A second, older card that only drives the screen doesn't keep the first one from working.
        severity = Severity.ERROR if len(lacking) == len(devices) else Severity.WARNING
        for architecture, lack in sorted(lacking.items()):
            yield CAUSE.finding(
                facts,
                build.name,
                evidence=(FRAMEWORKS, NVIDIA_DEVICES, *lack.evidence),
                severity=severity,
                confidence=Confidence.HIGH if build.architectures else Confidence.MEDIUM,
                framework=build.name,
                version=build.version.text,
                device=devices[architecture].name,
                architecture=architecture,
                built=lack.built,
                layer=lack.layer,
            )
        if devices and not lacking and not _code(build, known):
            undecided = say("the device code in {framework} could not be read", framework=build.name)
    yield from _left_behind(facts, devices, known)
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


_NO_PTX = Version("1.7")


class _Lack(NamedTuple):
    """What a build lacks for a device."""

    layer: str
    """Which layer: `wheel` for the build's own code, `toolkit` for what it was made with."""
    built: tuple[str, ...]
    """What it was built for instead."""
    evidence: tuple[Evidence, ...]
    """The table's row that decided, where it was one."""


def _code(build: FrameworkBuild, known: Knowledge) -> tuple[str, ...]:
    if build.architectures:
        return build.architectures
    if build.name == "tensorflow" and (row := known.tensorflow_wheel(build.version)) is not None:
        return row.architectures
    if build.name != "torch" or build.runtime is None:
        return ()
    return known.torch_architectures(build.version, build.runtime)


def _lacks(build: FrameworkBuild, device: str, known: Knowledge) -> _Lack | None:
    code = _code(build, known)
    if code:
        running = [each for each in code if known.runs_on(each, device)]
        if running and not _only_in_name(build, running, device, known):
            return None
        return _Lack("wheel", code, _rows(build, known))
    if build.runtime is not None and known.toolkit_dropped(build.runtime, device):
        row = known.capability_row(device)
        evidence = (row.evidence("cuda_architectures"),) if row else ()
        return _Lack("toolkit", (say("CUDA {cuda}", cuda=build.runtime),), evidence)
    first = known.first_that_runs_on(device)
    # PyTorch's wheels hold no PTX that would be compiled for devices newer than their toolkit.
    if build.name == "torch" and build.runtime is not None and build.version >= _NO_PTX and first is not None:
        made = build.runtime.numbers[:2]
        if made < first.first.numbers[:2]:
            built = say("CUDA {cuda}, older than the device", cuda=build.runtime)
            return _Lack("toolkit", (built,), (first.evidence("cuda_architectures"),))
    wheels = known.torch_wheels_of(build.version) if build.name == "torch" and build.runtime is None else ()
    if wheels and not any(known.runs_on(each, device) for wheel in wheels for each in wheel.architectures):
        # Whichever of the release's wheels it is, none has the code.
        return _Lack("wheel", wheels[0].architectures, (wheels[0].evidence("torch_wheels"),))
    return None


def _only_in_name(build: FrameworkBuild, running: list[str], device: str, known: Knowledge) -> bool:
    """Whether all that would run is PTX of a wheel that is known to fail on devices so new."""
    if build.architectures or any(each.startswith("sm_") for each in running):
        return False
    row = known.tensorflow_wheel(build.version) if build.name == "tensorflow" else None
    capability = known.capability_of(device)
    return row is not None and capability is not None and capability > row.jit_until


def _rows(build: FrameworkBuild, known: Knowledge) -> tuple[Evidence, ...]:
    if build.architectures:
        return ()
    if build.name == "tensorflow" and (row := known.tensorflow_wheel(build.version)) is not None:
        return (row.evidence("tensorflow_wheels"),)
    wheel = known.torch_wheel(build.version, build.runtime) if build.runtime is not None else None
    return (wheel.evidence("torch_wheels"),) if wheel is not None else ()


def _left_behind(facts: Facts, devices: dict[str, Device], known: Knowledge) -> Iterator[Finding]:
    """Engines and cuDNN that dropped every device here, whatever the layers below still run on."""
    capabilities = {a: at for a in devices if (at := known.capability_of(a)) is not None}
    if not capabilities:
        return
    newest = max(capabilities, key=lambda each: capabilities[each])
    cuda = {build.name for build in facts.value(FRAMEWORKS) if build.accelerator == "cuda"}
    for each in facts.get_value(DISTRIBUTIONS, ()):
        name = "cudnn" if each.name.startswith("nvidia-cudnn-cu") else each.name
        floor = known.device_floor(name, each.version) if each.version.text[:2] not in {"0", "0+"} else None
        row = floor.value if floor is not None else None
        if (
            floor is None
            or row is None
            or capabilities[newest] >= row.minimum
            or (row.layer == "wheel" and each.name not in cuda)
        ):
            continue
        yield CAUSE.finding(
            facts,
            each.name,
            evidence=(DISTRIBUTIONS, NVIDIA_DEVICES, *floor.evidence("device_floors")),
            confidence=Confidence.MEDIUM,
            message="{framework} {version} needs compute capability {minimum} or newer; {device} has {capability}",
            framework=each.name,
            version=each.version.text,
            device=devices[newest].name,
            architecture=newest,
            capability=capabilities[newest].text,
            minimum=row.minimum.text,
            built=(say("compute capability {minimum} and newer", minimum=row.minimum),),
            layer=row.layer,
        )


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
