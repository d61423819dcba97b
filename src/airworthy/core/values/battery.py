"""What the battery measured on devices."""

from __future__ import annotations

from airworthy.core.values.base import Value


class TriedDevice(Value, frozen=True):
    """A device that the battery of `check --probe` was run on, or was to be."""

    framework: str
    """What ran it: `torch` or `onnxruntime`."""
    device: str
    """What the framework calls it: `cpu`, `cuda:0`, `CUDAExecutionProvider:0`; `accelerators` where looking for them
    failed."""
    name: str = ""
    """Its marketing name, where the framework gives it."""
    kind: str = ""
    """Its type: `cpu`, `cuda`, `rocm`, `npu`, or the execution provider."""
    version: str = ""
    """The framework's version."""
    overhead: float = 0.0
    """Seconds that it takes to start a kernel and see it end."""
    load: float = 0.0
    """The share of this machine's processors that other programs used in the minute before."""
    seconds: float = 0.0
    """Seconds that its battery took in all."""
    problem: str = ""
    """Why there is no result at all; empty where there are."""


class DeviceTrial(Value, frozen=True):
    """One test of the battery: an operation in a data type on a device."""

    framework: str
    """What ran it: `torch` or `onnxruntime`."""
    device: str
    """What the framework calls the device."""
    operation: str
    """`allocate`, `copy`, `host-to-device`, `device-to-host`, `matmul`, `convolution`, `layer-norm`, `softmax`,
    `attention`."""
    dtype: str
    """The data type, `bfloat16`; `tf32` for float32 that may be multiplied with ten bits."""
    outcome: str
    """`ok`: it ran; `unsupported`: the framework has no such kernel for the device; `failed`: it raised an error;
    `crashed`: it took its process along; `hung`: it did not end in time; `not-run`: it never came to its turn."""
    variant: str = ""
    """Which kernel, where there are several: `unfused`, `flash`, `efficient`, `cudnn`, `math`, `default`,
    `multi-head`, `onnx-23`."""
    shape: str = ""
    """The size that was run, `512 x 512 x 512`."""
    seconds: float = 0.0
    """Seconds of a run, the median of several."""
    fastest: float = 0.0
    """Seconds of the shortest run."""
    flops: float = 0.0
    """Arithmetic operations of a run."""
    bytes: float = 0.0
    """Bytes that a run has to read and write at the least."""
    error: float = 0.0
    """The largest difference from the float64 reference in units of what the type's rounding allows; above 1 is
    wrong."""
    largest: float = 0.0
    """The largest difference itself."""
    detail: str = ""
    """What was said where it is not `ok`: the error, or how the process ended."""
