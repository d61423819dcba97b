"""The fabric manager of this machine's NVSwitches is not running, so CUDA cannot start.

## What happens

On a machine whose GPUs are joined by NVSwitch (HGX and DGX with A100, H100, H200, B200) every program that
initialises CUDA fails with error 802, `system not yet initialized`, while `nvidia-smi` lists all GPUs. It says
`Fabric State: In Progress`.

## Why

The switches must be configured after each boot, which `nvidia-fabricmanager` does. It is a package of its own and
must have exactly the driver's version; it is missing, disabled, still at work after a boot, or stopped with an error,
often after an upgrade of the driver alone. In a virtual machine it may have to run outside.

## How to end it

Start the service; if it is not installed, install the version of the driver. Where it runs and fails, its log names
the reason: mostly that the versions differ.

## How to prevent it

Upgrade driver and fabric manager together (hold both packages), and enable the service.

## Example

```
RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that might have already set an error? Error 802: system not yet initialized
```

## References

- https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide/
- https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import NVIDIA_DRIVER
from airworthy.core.messages import say

CAUSE = Cause(
    slug="fabric-manager-not-running",
    severity=Severity.ERROR,
    uses=(NVIDIA_DRIVER,),
    message="CUDA is not ready (802): the fabric manager has not configured this machine's NVSwitches",
    unpredictable="whether it runs is known to the service manager of the machine, which is not asked",
    signatures=(
        Signature("Error 802: system not yet initialized"),
        Signature("system not yet initialized", r"(?i)system not yet initialized", weight=0.95),
        Signature("cudaErrorSystemNotReady"),
        Signature("CUDA_ERROR_SYSTEM_NOT_READY"),
        Signature("cuda runtime error (802)"),
        Signature("error code 802", weight=0.9),
        Signature(
            "nvidia-fabricmanager.service",
            r"nvidia-fabricmanager\.service: (?:Failed|Main process exited, code=exited, status=[1-9]|Control "
            r"process exited, code=exited, status=[1-9])",
            weight=0.9,
        ),
        Signature(
            "abric manager",
            r"(?i)fabric ?manager.{0,80}(?:not running|failed to start|don't match|do not match|mismatch)",
            weight=0.95,
        ),
        Signature("fabric manager NVIDIA GPU driver interface version", weight=0.97),
        Signature("Fabric Manager NVIDIA GPU driver interface version", weight=0.97),
        Signature("failed to initialize all the NVSwitch", r"(?i)nvswitch", weight=0.9),
    ),
    related=("driver-library-mismatch", "gpu-not-visible", "gpu-hardware-fault"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Start it, in the driver's version."""
    yield Remedy(
        why=say("See whether the service runs, and why not; `Fabric State` must be Completed."),
        commands=(
            "systemctl status nvidia-fabricmanager",
            "nvidia-smi -q | grep -A 2 -i fabric",
            "journalctl --unit nvidia-fabricmanager --no-pager --lines 50",
        ),
        safe=True,
    )
    driver = facts.get_value(NVIDIA_DRIVER, None)
    branch = str(driver.numbers[0]) if driver is not None else "BRANCH"
    yield Remedy(
        why=say("Install it in exactly the driver's version, and start it now and after each boot.")
        if driver is None
        else say(
            "Install it in exactly the driver's version, {driver}, and start it now and after each boot.", driver=driver
        ),
        commands=(
            f"sudo apt-get install nvidia-fabricmanager-{branch}",
            "sudo systemctl enable --now nvidia-fabricmanager",
        ),
    )
