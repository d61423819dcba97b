"""Compiling a kernel at run time failed.

## What happens

The first request, or the warm-up, stops in a compiler: `triton.compiler.errors.CompilationError`,
`torch._inductor.exc.InductorError`, `ptxas fatal`, `nvcc fatal`, `NVRTC_ERROR_COMPILATION`, `OutOfResources: out of
resource: shared memory`.

## Why

Triton, torch.compile, FlashInfer, CuPy, DeepGEMM and others build their kernels on the machine that runs them. They
need a C compiler and Python's headers (`build-toolchain-missing` where there are none), an assembler that knows the
GPU (the `ptxas` inside Triton may be older than the device), a cache directory, and shared memory for the tile sizes
that were chosen. A type that the device lacks shows here as well (`dtype-unsupported`).

## How to end it

Read what the compiler itself says, below the Python error. For an unknown GPU point Triton to a newer assembler
(`TRITON_PTXAS_PATH`), or upgrade it. To go on without: `TORCHDYNAMO_DISABLE=1`, `--enforce-eager` of vLLM,
`--disable-cuda-graph` of SGLang. After an upgrade remove stale caches.

## How to prevent it

Warm up in the very image that will serve, as the user that will serve; put a compiler into the image.

## Example

```
triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 147456, Hardware limit: 101376. Reducing block sizes or `num_stages` may help.
```

## References

- https://docs.pytorch.org/docs/stable/torch.compiler_troubleshooting.html
- https://docs.vllm.ai/en/latest/usage/troubleshooting/
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="kernel-compile-failed",
    severity=Severity.ERROR,
    message="{compiler} could not build a kernel",
    unpredictable="kernels are made for the shapes that are met",
    # Below what the compiler was stopped by: a missing tool, a type, a full disk.
    signatures=(
        Signature("ptxas fatal", r"(?P<compiler>ptxas) fatal\s*: (?!Memory allocation)", weight=0.88),
        Signature("is not defined for option 'gpu-name'", weight=0.9),
        Signature("ptxas error", r"(?P<compiler>ptxas) error", weight=0.8),
        Signature("`ptxas` failed with error code", weight=0.85),
        Signature("PTXASError", weight=0.85),
        Signature("Internal Triton PTX codegen error", weight=0.85),
        Signature("nvcc fatal", r"(?P<compiler>nvcc) fatal", weight=0.72),
        Signature("NVRTC_ERROR_COMPILATION", weight=0.85),
        Signature("nvrtc: error: invalid value for --gpu-architecture", weight=0.88),
        Signature("cupy.cuda.compiler.CompileException", weight=0.8),
        Signature("hiprtcCompileProgram", weight=0.8),
        Signature("HIPRTC_ERROR_COMPILATION", weight=0.85),
        Signature("triton.compiler.errors.", weight=0.8),
        Signature(
            "triton.compiler.errors",
            r"(?:CompilationError|UnsupportedLanguageConstruct|CompileTimeAssertionFailure)",
            weight=0.8,
        ),
        Signature("CompilationError: at ", weight=0.78),
        Signature(
            "OutOfResources: out of resource",
            r"out of resource: (?P<resource>[\w ]+), Required: (?P<wanted>\d+), "
            r"Hardware limit: (?P<limit>\d+)",
            weight=0.9,
            message="a kernel needs {wanted} of {resource}, and the device has {limit}",
        ),
        Signature(
            "out of resource: ", r"out of resource: (?:shared memory|threads|tensor memory|registers)", weight=0.9
        ),
        Signature("No valid triton configs", weight=0.85),
        Signature("NoValidChoicesError", weight=0.85),
        Signature("torch._inductor.exc.", weight=0.75),
        Signature("InductorError", r"\bInductorError\b", weight=0.75),
        Signature("CppCompileError", weight=0.75),
        Signature("C++ compile error", weight=0.72),
        Signature("CUDACompileError", weight=0.78),
        Signature("BackendCompilerFailed", weight=0.68),
        Signature("backend='inductor' raised", weight=0.68),
        Signature("LoweringException", weight=0.75),
        Signature("Error building extension", weight=0.5),
        Signature("Failed to compile kernel", r"(?i)failed to compile (?:the )?(?:cuda |gpu |jit )?kernel", weight=0.8),
        Signature("Assertion `!(srcMmaLayout && dstMmaLayout", weight=0.9),
        Signature(
            "LLVM ERROR: ",
            r"LLVM ERROR: (?:Cannot select|Broken|Do not know|Failed|Unsupported|unsupported)",
            weight=0.85,
        ),
        Signature("PassManager::run failed", weight=0.85),
        Signature("error: failed to legalize operation 'tt.", weight=0.9),
        Signature("Ninja is required to load C++ extensions", weight=0.3),
        Signature("JIT compilation failed", weight=0.8),
        Signature("cudaErrorJitCompilerNotFound", weight=0.8),
        Signature("PTX JIT compilation failed", r"(?i)a PTX JIT compilation failed", weight=0.8),
        Signature("CL_BUILD_PROGRAM_FAILURE", weight=0.85),
        Signature("ggml_opencl: kernel compile error", weight=0.9),
        Signature(
            "ggml_metal", r"ggml_metal\w*: error: .{0,80}(?:MTLLibraryErrorDomain|compil|load pipeline)", weight=0.85
        ),
        Signature("MTLLibraryErrorDomain", weight=0.8),
        Signature("XLA compilation", r"XLA compilation (?:failed|error)", weight=0.75),
        Signature("Mosaic failed to compile", weight=0.85),
        Signature("libdevice not found", weight=0.8),
        Signature(
            "libdevice.10.bc",
            r"(?i)(?:can't find|not found|missing).{0,80}libdevice|libdevice\.10\.bc.{0,40}not found",
            weight=0.8,
        ),
        Signature("Ninja build failed. Ninja output", weight=0.7),
        Signature("NVCC compilation failed", weight=0.8),
        Signature("cannot find -lcuda", weight=0.7),
        Signature("Cannot find ptxas", weight=0.85),
        Signature("ptxas returned an error", weight=0.85),
        Signature("ptxas exited with non-zero error code", weight=0.85),
    ),
    related=("build-toolchain-missing", "dtype-unsupported", "ptx-too-new", "disk-full", "permission-denied"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The compiler's own words, then without compiling."""
    yield Remedy(
        why=say("Read what the compiler itself printed: with this, torch.compile writes down each step."),
        commands=("export TORCH_LOGS=+inductor TORCHDYNAMO_VERBOSE=1",),
        safe=True,
    )
    yield Remedy(
        why=say("Go on without compiled graphs: slower, and enough to know that nothing else is wrong."),
        commands=("export TORCHDYNAMO_DISABLE=1", "vllm serve MODEL --enforce-eager"),
        safe=True,
    )
    yield Remedy(
        why=say("Remove caches of another version; they are made again."),
        commands=("rm -r ~/.triton/cache /tmp/torchinductor_$USER",),
    )
