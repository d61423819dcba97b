"""What a framework gives the battery: its tests for one device, and what its errors mean."""

from __future__ import annotations

import re
from typing import Any, Protocol

from .pacing import Case

Test = tuple[str, str, str]
"""Operation, data type, and which of several kernels: `("attention", "bfloat16", "flash")`."""
OPERATIONS = ("matmul", "convolution", "layer-norm", "softmax")
"""The operations that every framework has, besides copying and attention."""


class Unsupported(Exception):
    """The framework has no such thing for this device, by its own account."""


class KernelBroken(Exception):
    """The device can't be gone on with in this process."""


class Runner(Protocol):
    """One device of one framework."""

    accelerator: bool
    """Whether it is anything but the processor."""

    def about(self) -> dict[str, Any]:
        """What the device is: `id`, `name`, `kind`, `version` of the framework, `overhead` in seconds."""

    def plan(self) -> list[Test]:
        """All tests, in order."""

    def case(self, operation: str, dtype: str, variant: str, seconds: float) -> Case:
        """A test at the size that fits the time."""

    def settle(self) -> None:
        """Wait until the device is idle."""

    def alive(self) -> None:
        """Run something that always works; it raises where the device can't be used in this process any more."""

    def release(self) -> None:
        """Give back what the last test held."""


_UNSUPPORTED = re.compile(
    r"not implemented for|not supported|not yet supported|unsupported|No available kernel|No viable backend"
    r"|NOT_IMPLEMENTED|NotImplemented|Could not find an implementation|doesn't support|does not support"
    r"|is only supported|only supports|requires compute capability|Expected .{0,40}dtype|Type Error: Type '"
    r"|disable_cpu_ep_fallback|not a registered function/op|No Op registered|Unrecognized attribute"
    r"|execution plans|not compiled",
    re.IGNORECASE,
)
_DEVICE = re.compile(r"(?:CUDA|HIP|ACL|MUSA|CNRT|XPU|Level.Zero) error|cublas|cudnn_status|CUDA failure", re.IGNORECASE)
_STATUS = re.compile(r"STATUS_(?:NOT_SUPPORTED|ARCH_MISMATCH)")
"""A library's own word for a kernel that it does not have for a device, which it gives as an error."""


def name_of(operation: str, dtype: str, variant: str) -> str:
    """A test by name, `attention/bfloat16/flash`."""
    return f"{operation}/{dtype}/{variant}"


def is_unsupported(error: BaseException) -> bool:
    """Whether the framework says that it has no such kernel, in place of failing at it."""
    text = str(error)
    if _STATUS.search(text):
        return True
    if _DEVICE.search(text):
        return False
    return isinstance(error, NotImplementedError) or _UNSUPPORTED.search(text) is not None
