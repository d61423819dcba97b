"""Forward-compatibility libraries are used where they do not work.

## What happens

CUDA does not start: `Error 804: forward compatibility was attempted on non supported HW`. `nvidia-smi` works, and the
same GPU runs older images.

## Why

Images for a newer CUDA bring a user-space driver of their own, the `cuda-compat` package, so that they run on an older
kernel driver. That is supported on data-centre GPUs (and some professional ones) alone, from listed driver branches.
On a GeForce card the library refuses. It is put in front of the host's `libcuda.so.1` by the image's
`LD_LIBRARY_PATH` or by the container toolkit, which does so when the image's CUDA is newer than the driver's. So the
cause behind it is a driver older than the image. A library older than the kernel driver fails as well, as error 803.

## How to end it

Update the driver on the machine. Or take the compatibility directory off the loader's path, which lets the image use
the host's own library; that is enough where the driver is of the same CUDA series.

## How to prevent it

Choose images by the oldest driver in the fleet, and do not install `cuda-compat` in images for workstations.

## Example

```
RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling
NumCudaDevices() that might have already set an error? Error 804: forward compatibility was attempted on non
supported HW
```

## References

- https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html
- https://github.com/mistralai/mistral-inference/issues/144
- https://github.com/oobabooga/textgen/issues/4407
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import LIBRARIES, NVIDIA_DEVICES, NVIDIA_DRIVER
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="forward-compat-misused",
    severity=Severity.ERROR,
    needs=(LIBRARIES, NVIDIA_DRIVER),
    uses=(NVIDIA_DEVICES,),
    message="{path} is used in place of the driver's own library, and {reason}",
    signatures=(
        Signature("compatibility was attempted on non supported HW"),
        Signature("cudaErrorCompatNotSupportedOnDevice"),
        Signature("CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"),
    ),
    related=("driver-too-old", "driver-library-mismatch", "container-cuda-require"),
)

_VERSION = re.compile(r"libcuda\.so\.(\d{3}\.\d{1,3}(?:\.\d{1,3})?)$")
_OUTSIDE = frozenset({"outside the loader's path", "wheel"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Is the library that the loader takes a compatibility one, and may it be used here?"""
    taken = next(
        (each for each in facts.value(LIBRARIES) if each.soname == "libcuda.so.1" and each.found_by not in _OUTSIDE),
        None,
    )
    if taken is None or "/compat/" not in taken.path:
        return
    driver = facts.value(NVIDIA_DRIVER)
    match = _VERSION.search(taken.path)
    if match and Version(match[1]) < driver:
        reason = say("it is of {library}, older than the loaded driver {driver}", library=match[1], driver=driver)
    else:
        refused = [device.name for device in facts.get_value(NVIDIA_DEVICES, ()) if "GeForce" in device.name]
        if not refused:
            return
        reason = say("{device} does not support it", device=refused[0])
    yield CAUSE.finding(
        facts,
        taken.path,
        evidence=(LIBRARIES, NVIDIA_DRIVER, NVIDIA_DEVICES),
        confidence=Confidence.HIGH if match else Confidence.MEDIUM,
        path=taken.path,
        reason=reason,
        driver=driver.text,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer driver, or the host's own library."""
    yield Remedy(
        why=say("Update the NVIDIA driver on the machine to one that speaks the image's CUDA, and restart it.")
    )
    yield Remedy(
        why=say("Or take the compatibility libraries off the loader's path, so that the driver's own is used."),
        commands=(
            "export LD_LIBRARY_PATH=$(echo \"$LD_LIBRARY_PATH\" | tr ':' '\\n' | grep -v compat | paste -sd:)",
            "ldconfig -p | grep libcuda.so",
        ),
        safe=True,
    )
