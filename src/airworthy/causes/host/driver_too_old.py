"""The NVIDIA driver is older than the CUDA runtime needs.

## What happens

The framework is installed and the GPU is there, yet the first CUDA call fails and nothing runs on the GPU. Some
programs stop, others fall back to the CPU and are slow.

## Why

A wheel brings its own CUDA runtime, but never the driver. Each series of CUDA needs a driver of at least some
version: 450.80.02 for CUDA 11, 525.60.13 for CUDA 12, 580 for CUDA 13 on Linux. Within a series a newer toolkit
runs on an older driver, so CUDA 11.8 runs on 450.80.02 although it shipped with 520.61.05. Before CUDA 11 every
toolkit had its own minimum.

Two things look like this and are not: code that must be compiled on the machine (PTX) needs the driver of its very
toolkit, see `ptx-too-new`; and a container image may refuse a driver that would do, see `container-cuda-require`.

## How to end it

Install a newer driver on the machine itself (not in the container) and restart it. Where the driver can't change,
install a build of the framework for an older CUDA.

## How to prevent it

Run `airworthy check` on the target machine, or on its saved facts, before the framework is upgraded.

## Example

```
RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by
downloading and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx
```

## References

- https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
- https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/index.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import windows_driver
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.causes.wheels import install, torch_wheel
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import FRAMEWORKS, LIBRARIES, NVIDIA_CUDA, NVIDIA_DEVICES, NVIDIA_DRIVER, OS_KERNEL, OS_NAME
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="driver-too-old",
    severity=Severity.ERROR,
    needs=(NVIDIA_DRIVER, FRAMEWORKS),
    uses=(NVIDIA_CUDA, NVIDIA_DEVICES, LIBRARIES, OS_NAME, OS_KERNEL),
    message="the NVIDIA driver is {driver}, and CUDA {cuda} that {framework} was built with needs {required} or newer",
    signatures=(
        Signature(
            "The NVIDIA driver on your system is too old",
            r"too old \(found version (?P<found>\d+)\)",
            message="the NVIDIA driver is too old: it speaks CUDA API version {found}",
        ),
        Signature("The NVIDIA driver on your system is too old"),
        Signature("CUDA driver version is insufficient for CUDA runtime version"),
        Signature("cudaErrorInsufficientDriver", weight=0.9),
    ),
    related=("ptx-too-new", "container-cuda-require", "forward-compat-misused", "gpu-not-visible"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare the driver with what each framework's CUDA series needs."""
    driver, speaks = facts.value(NVIDIA_DRIVER), facts.get_value(NVIDIA_CUDA, None)
    undecided = ""
    for build in facts.value(FRAMEWORKS):
        if build.accelerator != "cuda":
            continue
        if build.runtime is None:
            undecided = say(
                "which CUDA {framework} {version} is for is not known", framework=build.name, version=build.version
            )
            continue
        if speaks is not None and speaks >= build.runtime:
            continue  # the driver itself says so, also where forward-compatibility libraries lend it a newer CUDA
        required = known.minimum_driver(build.runtime, windows=windows_driver(facts))
        if required is None:
            undecided = say("no driver is known for CUDA {cuda}", cuda=build.runtime)
        elif known.older(driver, required) and _forward_compatible(facts):
            undecided = say("forward-compatibility libraries are in place, and whether they fit is not known")
        elif known.older(driver, required):
            row = known.driver_row(build.runtime, windows=windows_driver(facts))
            yield CAUSE.finding(
                facts,
                build.name,
                evidence=(NVIDIA_DRIVER, FRAMEWORKS, *((row.evidence("cuda_drivers"),) if row else ())),
                framework=build.name,
                version=build.version.text,
                driver=driver.text,
                cuda=build.runtime.text,
                required=required.text,
            )
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


def _forward_compatible(facts: Facts) -> bool:
    libraries = facts.get_value(LIBRARIES, ())
    return any(each.soname == "libcuda.so.1" and "/compat/" in each.path for each in libraries)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer driver; failing that, a build for an older CUDA."""
    yield Remedy(
        why=say(
            "Install NVIDIA driver {required} or newer on the machine itself and restart it.",
            required=params.get("required", "580"),
        ),
        commands=_driver_commands(str(params.get("required", "580")), facts),
    )
    wheel = torch_wheel(facts) if params.get("framework") == "torch" else None
    if wheel is not None:
        yield install(wheel, facts)


def _driver_commands(required: str, facts: Facts) -> tuple[str, ...]:
    if windows_driver(facts):
        return ()  # an installer from NVIDIA's page; no package manager is sure to have it
    branch = Version(required).major
    name = facts.get_value(OS_NAME, "")
    if name.startswith("Ubuntu"):
        return ("sudo apt-get update", f"sudo apt-get install -y nvidia-driver-{branch}", "sudo reboot")
    if name.startswith("Debian"):
        return ("sudo apt-get update", "sudo apt-get install -y nvidia-driver", "sudo reboot")
    return ()
