"""The framework sees no accelerator.

## What happens

`torch.cuda.is_available()` is False, `nvidia-smi` finds no device or no driver, a server stops with `No CUDA GPUs are
available` or goes on with the CPU. Nothing is wrong with the framework's build.

## Why

Between the program and the GPU stand a kernel driver, its device nodes, its user library `libcuda.so.1` and the
variables that choose devices. One of them is missing: the driver is not installed, not loaded after a kernel update,
refused by Secure Boot, or the open `nouveau` driver has the GPU; `CUDA_VISIBLE_DEVICES` is empty or names a device
that is not there; on machines with NVSwitch the fabric manager does not run; or this is a container that was not
given the GPU, see `container-no-gpu-runtime`.

A build without GPU support looks the same from the outside, see `cpu-only-build`.

## How to end it

Ask from the bottom up: does the PCI bus show the GPU, is the NVIDIA kernel module bound to it, does `nvidia-smi` list
it, do the variables let the program have it.

## How to prevent it

Install the driver with DKMS so that it follows kernel updates, sign it where Secure Boot is on, and run
`airworthy check` in the environment and as the user that will run the service.

## Example

```
  File "/opt/venv/lib/python3.10/site-packages/torch/cuda/__init__.py", line 298, in _lazy_init
    torch._C._cuda_init()
RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver
```

## References

- https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
- https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#cuda-environment-variables
- https://github.com/pytorch/pytorch/issues/35710
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts, Known
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import (
    ACCESS_DEVICES,
    CONTAINER_ENGINE,
    CUDA_VISIBLE,
    FRAMEWORKS,
    NVIDIA_DEVICES,
    NVIDIA_DRIVER,
    NVIDIA_HEALTH,
    OS_NAME,
    PCI_DEVICES,
)
from airworthy.core.messages import say
from airworthy.core.values import PciDevice
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="gpu-not-visible",
    severity=Severity.ERROR,
    needs=(PCI_DEVICES,),
    uses=(
        NVIDIA_DRIVER,
        NVIDIA_DEVICES,
        NVIDIA_HEALTH,
        CUDA_VISIBLE,
        FRAMEWORKS,
        CONTAINER_ENGINE,
        ACCESS_DEVICES,
        OS_NAME,
    ),
    message="{device} is there and cannot be used: {reason}",
    signatures=(
        Signature("Found no NVIDIA driver on your system"),
        Signature("No CUDA GPUs are available"),
        Signature("no CUDA-capable device is detected"),
        Signature("no cuda-capable device is detected"),
        Signature("cudaErrorNoDevice"),
        Signature("CUDA_ERROR_NO_DEVICE"),
        Signature("couldn't communicate with the NVIDIA driver"),
        Signature("libcuda.so.1: cannot open shared object file"),
        Signature("libcuda.so: cannot open shared object file"),
        Signature("Could not load dynamic library 'libcuda.so.1'"),
        Signature("CUDA driver initialization failed, you might not have a CUDA gpu"),
        Signature("kernel driver does not appear to be running on this host"),
        Signature("WSL environment detected but no adapters were found"),
        Signature(
            "CUDA initialization failure with error: ",
            r"failure with error: (?P<status>100|101|999|304)\b",
            message="CUDA finds no device it can start (error {status})",
        ),
        Signature("initialization error: nvml error: driver not loaded"),
        Signature("Failed to initialize NVML: Driver Not Loaded"),
        Signature("NVMLError_DriverNotLoaded"),
        Signature("Module nvidia not found", r"modprobe: FATAL: Module nvidia not found"),
        Signature("NVRM: No NVIDIA GPU found"),
        Signature("could not open the device file /dev/nvidia", r"/dev/nvidia\w* \(No such file or directory\)"),
        # On machines with NVSwitch the devices wait for the fabric manager.
        Signature("No devices were found", r"^\W{0,40}No devices were found\s*$", weight=0.95),
        Signature("Torch is not able to use GPU", weight=0.9),
        Signature("CUDA unknown error - this may be due to an incorrectly set up environment", weight=0.9),
        Signature("failed call to cuInit", r"cuInit: (?:UNKNOWN ERROR \(303\)|CUDA_ERROR_UNKNOWN)", weight=0.9),
        Signature("Failed to initialize NVML: Unknown Error", weight=0.9),
        Signature("NVML Shared Library Not Found", weight=0.85),
        Signature("libnvidia-ml.so.1: cannot open shared object file", r"^(?!.*nvidia-container-cli)", weight=0.85),
        Signature("Failed to infer device type", weight=0.85),
        Signature("No accelerator (CUDA, XPU, HPU", weight=0.85),
        Signature("no compatible GPUs were discovered", weight=0.8),
        Signature("Attempting to deserialize object on a CUDA device but torch.cuda.is_available()", weight=0.8),
        Signature("No HIP GPUs are available", weight=0.7),
        Signature("no usable GPU found", weight=0.7),
        Signature("No GPU/TPU found, falling back to CPU", weight=0.7),
        Signature("No platform detected, vLLM is running on UnspecifiedPlatform", weight=0.7),
        Signature("Can't initialize NVML", weight=0.6),
        Signature("Could not find cuda drivers on your machine, GPU will not be used", weight=0.5),
        Signature("No CUDA runtime is found, using CUDA_HOME", weight=0.5),
    ),
    related=(
        "container-no-gpu-runtime",
        "cpu-only-build",
        "driver-too-old",
        "driver-library-mismatch",
        "rocm-permission",
    ),
)

_NVIDIA = "10de"
_DISPLAY = "03"
_PASSED_ON = frozenset({"vfio-pci", "pci-stub", "xen-pciback"})
"""Kernel drivers that hold a device for a virtual machine; it is meant to be invisible here."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A GPU on the bus that no NVIDIA driver has; and a variable that hides those that a driver has."""
    yield from _hidden(facts)
    yield from _without_instance(facts)
    if isinstance(facts.fact(NVIDIA_DEVICES), Known):
        return
    if isinstance(facts.fact(CONTAINER_ENGINE), Known):
        return  # a container shows the whole bus, and what was given to it is another cause's matter
    for device in facts.value(PCI_DEVICES):
        reason = _reason(device)
        if reason:
            yield CAUSE.finding(
                facts,
                device.address,
                evidence=(PCI_DEVICES, NVIDIA_DEVICES),
                severity=_severity(facts),
                device=say("the NVIDIA GPU at {address}", address=device.address),
                reason=reason,
                driver=device.driver,
            )


def _reason(device: PciDevice) -> str:
    if device.vendor != _NVIDIA or not device.kind.startswith(_DISPLAY):
        return ""
    if device.driver == "nouveau":
        return say("the nouveau driver has it, which runs no CUDA")
    if not device.driver:
        return say("no kernel driver is bound to it")
    return ""


def _hidden(facts: Facts) -> Iterator[Finding]:
    fact = facts.fact(CUDA_VISIBLE)
    devices = facts.get_value(NVIDIA_DEVICES, ())
    if not isinstance(fact, Known) or not devices:
        return
    first = fact.value.split(",")[0].strip()
    number = int(first) if re.fullmatch(r"-?\d{1,6}", first) else None
    if first in {"", "NoDevFiles"} or (number is not None and not 0 <= number < len(devices)):
        yield CAUSE.finding(
            facts,
            "CUDA_VISIBLE_DEVICES",
            evidence=(CUDA_VISIBLE, NVIDIA_DEVICES),
            # A user set it, perhaps on purpose.
            severity=Severity.WARNING,
            device=devices[0].name,
            reason=say("CUDA_VISIBLE_DEVICES is {value!r}, which lets programs have none", value=fact.value),
            variable=fact.value,
        )


def _without_instance(facts: Facts) -> Iterator[Finding]:
    """Devices that are partitioned and of which no part was made: CUDA lists none of them."""
    health = facts.get_value(NVIDIA_HEALTH, ())
    empty = [each for each in health if each.mig == "enabled" and each.instances == 0]
    names = {device.index: device.name for device in facts.get_value(NVIDIA_DEVICES, ())}
    for each in empty:
        yield CAUSE.finding(
            facts,
            say("GPU {index}", index=each.index),
            evidence=(NVIDIA_HEALTH, NVIDIA_DEVICES),
            severity=Severity.ERROR if len(empty) == len(health) else Severity.WARNING,
            device=names.get(each.index) or say("the NVIDIA GPU"),
            reason=say("MIG is enabled on it, and no instance was made that programs could use"),
            partitioned=each.index,
        )


def _severity(facts: Facts) -> Severity:
    """A warning where a framework waits for the GPU, else something to know: it may be there for a screen only."""
    waits = any(build.accelerator == "cuda" for build in facts.get_value(FRAMEWORKS, ()))
    return Severity.WARNING if waits else Severity.INFO


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Unset the variable; else look from the bottom up, then install the driver."""
    if "variable" in params:
        yield Remedy(
            why=say("Let programs see all devices, or name one that is there."),
            commands=("set CUDA_VISIBLE_DEVICES=",) if on_windows(facts) else ("unset CUDA_VISIBLE_DEVICES",),
            safe=True,
        )
        return
    if "partitioned" in params:
        index = params["partitioned"]
        yield Remedy(
            why=say("Show which profiles the device has, and make an instance of one."),
            commands=("nvidia-smi mig -lgip", f"sudo nvidia-smi mig -i {index} -cgi PROFILE -C"),
        )
        yield Remedy(why=say("Or use the device as a whole."), commands=(f"sudo nvidia-smi -i {index} -mig 0",))
        return
    looks = ("lspci -nnk -d 10de:", "nvidia-smi", "ls -l /dev/nvidia*", "echo $CUDA_VISIBLE_DEVICES")
    yield Remedy(
        why=say("Show the GPU on the bus with its kernel driver, what the driver lists, and what the variables hide."),
        commands=("nvidia-smi", "echo %CUDA_VISIBLE_DEVICES%") if on_windows(facts) else looks,
        safe=True,
    )
    name = facts.get_value(OS_NAME, "")
    if name.startswith("Ubuntu"):
        yield Remedy(
            why=say("Install the NVIDIA driver that fits the GPU, and restart."),
            commands=("sudo ubuntu-drivers install --gpgpu", "sudo reboot"),
        )
    elif name.startswith("Debian"):
        yield Remedy(
            why=say("Install the NVIDIA driver (it is in the non-free section), and restart."),
            commands=("sudo apt-get install -y nvidia-driver", "sudo reboot"),
        )
    else:
        yield Remedy(why=say("Install the NVIDIA driver for this system on the machine itself, and restart it."))
