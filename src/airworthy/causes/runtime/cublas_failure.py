"""A call of cuBLAS or cuDNN failed at run time.

## What happens

`CUBLAS_STATUS_ALLOC_FAILED`, `CUBLAS_STATUS_NOT_INITIALIZED`, `CUBLAS_STATUS_EXECUTION_FAILED`, `cuDNN error:
CUDNN_STATUS_EXECUTION_FAILED`, often at the first matrix product or convolution.

## Why

The library reports what happened to it and not why. `ALLOC_FAILED` and `NOT_INITIALIZED` mean in most cases that the
device had no memory left for the library's own workspace. `EXECUTION_FAILED` and `INTERNAL_ERROR` follow a kernel
that failed before, such as an index out of range (`device-assert`), or an unstable device. `NOT_SUPPORTED` and
`INVALID_VALUE` come with shapes or types that the version can't do, or with two versions of the library at once
(`cuda-symbol-mismatch`, `cudnn-mismatch`).

## How to end it

Free memory on the device and try again with a smaller batch. If it stays, run with `CUDA_LAUNCH_BLOCKING=1` to see
what failed first, and make sure that only one cuBLAS is on the loader's path.

## How to prevent it

Leave room on the device: cuBLAS and cuDNN take some hundred MiB beside what the framework counts.

## Example

```
RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`
```

## References

- https://docs.nvidia.com/cuda/cublas/#cublasstatus-t
- https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/cudnn-graph-library.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="cublas-failure",
    severity=Severity.ERROR,
    message="{library} answered {status}",
    unpredictable="it follows from what is on the device at that moment",
    signatures=(
        # Memory, the loader's path and the device's architecture have their own names for some statuses.
        Signature(
            "CUBLAS_STATUS_",
            r"(?P<status>(?P<library>CUBLAS)_STATUS_(?:ALLOC_FAILED|NOT_INITIALIZED|EXECUTION_FAILED|INTERNAL_ERROR|"
            r"INVALID_VALUE|NOT_SUPPORTED|MAPPING_ERROR|LICENSE_ERROR))",
            weight=0.78,
        ),
        Signature(
            "CUDNN_STATUS_",
            r"(?P<status>(?P<library>CUDNN)_STATUS_(?:ALLOC_FAILED|EXECUTION_FAILED\w*|INTERNAL_ERROR\w*|BAD_PARAM\w*|"
            r"NOT_SUPPORTED\w*|MAPPING_ERROR|INVALID_VALUE))",
            weight=0.78,
        ),
        Signature("CUDNN_STATUS_NOT_INITIALIZED", r"(?P<status>(?P<library>CUDNN)_STATUS_NOT_INITIALIZED)", weight=0.7),
        Signature("CUSOLVER_STATUS_", r"(?P<status>(?P<library>CUSOLVER)_STATUS_[A-Z_]+)", weight=0.78),
        Signature("CUSPARSE_STATUS_", r"(?P<status>(?P<library>CUSPARSE)_STATUS_[A-Z_]+)", weight=0.75),
        Signature("CUFFT_INTERNAL_ERROR", r"(?P<status>(?P<library>CUFFT)_INTERNAL_ERROR)", weight=0.78),
        Signature("HIPBLAS_STATUS_", r"(?P<status>(?P<library>HIPBLAS)_STATUS_[A-Z_]+)", weight=0.78),
        Signature("rocblas_status_", r"(?P<status>(?P<library>rocblas)_status_(?!success)\w+)", weight=0.75),
        Signature("MIOpen Error", r"(?P<library>MIOpen) Error: .{0,200}", weight=0.7),
        Signature("miopenStatus", r"(?P<status>(?P<library>miopen)Status(?!Success)\w+)", weight=0.75),
        Signature("failed to create cublas handle", weight=0.75),
        Signature("Failure to initialize cublas", weight=0.75),
        Signature("Could not create cudnn handle", weight=0.72),
        Signature("Failed to get convolution algorithm", weight=0.75),
        Signature("No algorithm worked!", weight=0.75),
        Signature("DNN library is not found", weight=0.6),
        Signature("DNN library initialization failed", weight=0.65),
        Signature("FIND was unable to find an engine to execute this computation", weight=0.75),
        Signature("Unable to find a valid cuDNN algorithm to run convolution", weight=0.75),
        Signature("GET was unable to find an engine to execute this computation", weight=0.75),
        Signature("Blas GEMM launch failed", weight=0.75),
        Signature("Blas xGEMM", r"Blas xGEMM\w* launch failed", weight=0.75),
        Signature("Attempting to perform BLAS operation using StreamExecutor without BLAS support", weight=0.75),
        Signature("CUBLAS error", r"(?i)cublas error(?: code)?:? ?\d+", weight=0.7),
        Signature("CUDNN_BACKEND_API_FAILED", weight=0.75),
    ),
    related=("gpu-oom", "device-assert", "cudnn-mismatch", "cuda-symbol-mismatch", "gpu-hardware-fault"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Memory first, then what failed before it."""
    status = str(params.get("status", ""))
    if not status or "ALLOC" in status or "NOT_INITIALIZED" in status:
        yield Remedy(
            why=say("See how full the device is: this status mostly means that the library found no memory."),
            commands=("nvidia-smi --query-gpu=index,memory.used,memory.free --format=csv",),
            safe=True,
        )
        yield Remedy(why=say("Lower the batch, or the share of memory that the framework takes beforehand."), safe=True)
    yield Remedy(
        why=say("Run it once with kernels in step with the program, so that what failed first is seen."),
        commands=("set CUDA_LAUNCH_BLOCKING=1" if on_windows(facts) else "export CUDA_LAUNCH_BLOCKING=1",),
        safe=True,
    )
    yield Remedy(
        why=say("Make sure that no other copy of the library comes first; an empty answer is the good one."),
        commands=("echo $LD_LIBRARY_PATH",),
        safe=True,
    )
