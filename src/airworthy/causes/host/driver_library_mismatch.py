"""The loaded NVIDIA kernel module and the user-space driver library are of different versions.

## What happens

`nvidia-smi` and every CUDA program stop with `Driver/library version mismatch`, mostly on a machine where all worked
yesterday. Containers that run go on; new ones do not start.

## Why

The driver has two halves that must be of one version: the module in the kernel and the libraries in the file system
(`libcuda`, `libnvidia-ml`). A package update, often an unattended one, replaced the libraries while the old module
stayed loaded. CUDA reports the same as error 803, which also comes when a library of another version lies in front of
the driver's own on the loader's path.

## How to end it

Restart the machine. Where that must wait, end everything that holds the GPU, unload the old module and load the new
one.

## How to prevent it

Hold the driver's packages back from unattended upgrades and update them together with a restart.

## Example

```
$ nvidia-smi
Failed to initialize NVML: Driver/library version mismatch
NVML library version: 570.124
```

## References

- https://github.com/NVIDIA/nvidia-container-toolkit/issues/394
- https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts, Known, Unknown
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import LIBRARIES, NVIDIA_CUDA, NVIDIA_DEVICES, NVIDIA_DRIVER, OS_NAME
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="driver-library-mismatch",
    severity=Severity.ERROR,
    needs=(NVIDIA_DRIVER,),
    uses=(NVIDIA_DEVICES, NVIDIA_CUDA, LIBRARIES, OS_NAME),
    message="the loaded kernel module is {driver}, and the driver's libraries are {library}",
    signatures=(
        Signature("Driver/library version mismatch"),
        Signature("driver/library version mismatch"),
        Signature("RmVersionMismatch"),
        Signature("NVML_ERROR_LIB_RM_VERSION_MISMATCH"),
        Signature(
            "API mismatch: the client has",
            r"the client has (?:the )?version (?P<library>\d+\.\d+(?:\.\d+)?)",
            message="the driver's libraries are {library}, and the loaded kernel module is another version",
        ),
        Signature(
            "does not match DSO version",
            r"kernel version (?P<driver>\d[\d.]*) does not match DSO version (?P<library>\d[\d.]*)",
        ),
        Signature("unsupported display driver / cuda driver combination", weight=0.95),
        Signature("cudaErrorSystemDriverMismatch", weight=0.95),
        Signature("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", weight=0.95),
    ),
    related=("driver-too-old", "forward-compat-misused", "gpu-not-visible"),
)

_SAID = re.compile(r"[Dd]river/library version mismatch|RmVersionMismatch")
_VERSION = re.compile(r"libnvidia-ml\.so\.(\d{3}\.\d{1,3}(?:\.\d{1,3})?)$")


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The driver says so itself; or the library's file bears another version than the module."""
    devices = facts.fact(NVIDIA_DEVICES)
    if isinstance(devices, Known):
        return  # the management library spoke with the module
    driver, library = facts.value(NVIDIA_DRIVER), _library(facts)
    said = isinstance(devices, Unknown) and _SAID.search(devices.reason) is not None
    if said or (library is not None and library != driver):
        yield CAUSE.finding(
            facts,
            "NVIDIA driver",
            evidence=(NVIDIA_DEVICES, NVIDIA_DRIVER) if said else (NVIDIA_DRIVER, LIBRARIES),
            driver=driver.text,
            library=library.text if library is not None and library != driver else say("of another version"),
        )


def _library(facts: Facts) -> Version | None:
    """The version of the management library that the loader takes; a copy elsewhere does not count."""
    for each in facts.get_value(LIBRARIES, ()):
        if each.found_by in {"LD_LIBRARY_PATH", "ld.so.cache", "default path"}:
            match = _VERSION.search(each.path)
            if match:
                return Version(match[1])
    return None


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A restart; failing that, a reload of the module."""
    yield Remedy(
        why=say("Restart the machine, so that the module of the installed version is loaded."),
        commands=("sudo reboot",),
    )
    yield Remedy(
        why=say("Or end what uses the GPU and reload the module; the first command shows who does."),
        commands=(
            "sudo fuser -v /dev/nvidia*",
            "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia",
            "sudo modprobe nvidia",
            "nvidia-smi",
        ),
    )
    if facts.get_value(OS_NAME, "").startswith(("Ubuntu", "Debian")):
        yield Remedy(
            why=say("Afterwards keep unattended upgrades from doing it again."),
            commands=("sudo apt-mark hold 'nvidia-*' 'libnvidia-*'",),
        )
