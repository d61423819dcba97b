"""A CUDA library is not found by the loader.

## What happens

Importing the framework, or loading its GPU part, fails with a name such as `libcudart.so.12: cannot open shared
object file`. ONNX Runtime and TensorFlow only warn and go on without the GPU.

## Why

A binary asks for a library by name and major version. Nothing on the loader's path has that name: the package that
brings it is not installed, it is installed for another major version of CUDA (`libcublas.so.11` is not
`libcublas.so.12`), or it lies in a directory where this binary does not look. cuDNN 8 and 9 differ in the same way.

The driver's own `libcuda.so.1` is another matter: it comes with the driver only, see `gpu-not-visible`.

## How to end it

Install the package that brings exactly that name into the same environment. For ONNX Runtime call
`onnxruntime.preload_dlls()` first, or import torch first, so that libraries from wheels are found.

## How to prevent it

Install a framework with its CUDA packages in one step and keep them in the lock; do not mix series of CUDA in one
environment.

## Example

```
[E:onnxruntime:Default, provider_bridge_ort.cc:2195 TryGetProviderInfo_CUDA] Failed to load library
libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: No such file
or directory
```

## References

- https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider
- https://man7.org/linux/man-pages/man8/ld.so.8.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import BINARIES, LIBRARIES, NVIDIA_DEVICES, PLAN_ACCELERATOR
from airworthy.core.messages import say
from airworthy.core.values import Binary
from airworthy.knowledge import Knowledge

_LIBRARY = (
    r"(?P<library>lib(?:cudart|cublas(?:Lt)?|cudnn\w*|cufft\w*|curand|cusolver\w*|cusparse(?:Lt)?|nvrtc[\w-]*|nvJitLink"
    r"|nccl|cupti|nvToolsExt|nvinfer\w*|cufile\w*|nvshmem\w*|npp\w{1,5}|nvjpeg|cutensor\w*)\.so(?:\.\d+){0,4})"
)
# TensorRT's provider is tried first and missed by most; without it the CUDA provider still works.
_NOT_OPTIONAL = r"^(?!.*(?:onnxruntime_providers_(?:nv_)?tensorrt|libnvinfer\S* .*Ignore above)).*?"

CAUSE = Cause(
    slug="cuda-library-missing",
    severity=Severity.ERROR,
    needs=(BINARIES,),
    uses=(LIBRARIES, NVIDIA_DEVICES, PLAN_ACCELERATOR),
    message="{binary} of {distribution} needs {library}, which the loader does not find",
    signatures=(
        Signature(
            "cannot open shared object file",
            _NOT_OPTIONAL + _LIBRARY + r": cannot open shared object file",
            message="the loader does not find {library}",
        ),
        Signature(
            "Could not load library lib", r"load library " + _LIBRARY, message="the program could not load {library}"
        ),
        Signature(
            "Unable to load any of {lib",
            r"any of \{" + _LIBRARY,
            message="the program could not load {library}",
        ),
        Signature(
            "is not found or cannot be loaded",
            r"Library (?:" + _LIBRARY + r"|(?P<dll>(?:cublas|cudnn|cudart)\w*\.dll)) is not found",
            message="the program could not load {library}",
        ),
        Signature(
            "nvrtc: error: failed to open",
            r"failed to open " + _LIBRARY,
            message="the run-time compiler could not open {library}",
        ),
        Signature("Cannot dlopen some GPU libraries", weight=0.7),
        Signature(
            "Could not load dynamic library",
            r"dynamic library '(?!libnvinfer)" + _LIBRARY,
            weight=0.5,
            message="TensorFlow could not load {library}",
        ),
    ),
    related=("cudnn-mismatch", "cuda-symbol-mismatch", "execution-provider-fallback", "loader-path-shadowing"),
)

_OPTIONAL = re.compile(
    r"onnxruntime_providers_(?:nv_)?tensorrt"  # a second choice before the CUDA provider
    r"|libbitsandbytes_cuda"  # one file a CUDA version, one of them is loaded
    r"|tensorrt_plugin|_trt\b|nvinfer"
)
_EXTENSION = re.compile(r"\.(?:cpython-\d+\w*(?:-[\w-]+)?|abi3)\.so$")
_IMPORTED_WITH = frozenset({"libtorch_cuda.so", "libtorch_global_deps.so", "libc10_cuda.so", "libtorch_python.so"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Judge what the loader would not find, by whether anything stops without it."""
    device_here = bool(facts.get_value(NVIDIA_DEVICES, ())) or PLAN_ACCELERATOR.name in facts
    elsewhere = {library.soname: library.path for library in facts.get_value(LIBRARIES, ())}
    told: set[tuple[str, str]] = set()
    for binary in facts.value(BINARIES):
        name = PurePosixPath(binary.path).name
        if _OPTIONAL.search(name):
            continue
        imported = name in _IMPORTED_WITH or _EXTENSION.search(name) is not None
        if not imported and not device_here:
            continue  # a plug-in that is loaded for a device, and there is none
        for soname in binary.missing:
            library = known.library(soname)
            if library is None or library.driver or (binary.distribution, soname) in told:
                continue
            if binary.distribution == "torch" and soname in elsewhere:
                continue  # torch loads the libraries of NVIDIA's wheels itself before it needs them
            told.add((binary.distribution, soname))
            yield _finding(facts, binary, soname, elsewhere.get(soname, ""), imported=imported)


def _finding(facts: Facts, binary: Binary, soname: str, found: str, *, imported: bool) -> Finding:
    return CAUSE.finding(
        facts,
        binary.distribution or binary.path,
        evidence=(BINARIES, LIBRARIES) if found else (BINARIES,),
        # A provider that is loaded on use is passed over with a warning, and the program goes on without the device.
        severity=Severity.ERROR if imported or PLAN_ACCELERATOR.name in facts else Severity.WARNING,
        binary=PurePosixPath(binary.path).name,
        distribution=binary.distribution or say("no package"),
        library=soname,
        found=found,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The package that brings exactly this name."""
    soname = str(params.get("library", ""))
    library = Knowledge().library(soname) if soname else None
    if params.get("found"):
        folder = str(PurePosixPath(str(params["found"])).parent)
        yield Remedy(
            why=say("The library is at {path}, where this binary does not look; show the loader the way.", path=folder),
            commands=(f"export LD_LIBRARY_PATH={folder}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}",),
            safe=True,
        )
    elif library is not None and library.install:
        yield Remedy(
            why=say("{package} brings {library}.", package=library.package, library=soname),
            commands=(pip_install(facts, library.install),),
        )
    else:
        yield Remedy(
            why=say("Install the framework together with the CUDA libraries that it was built for, in one step."),
            commands=("ldconfig -p | grep -E 'libcu|libnv|libnccl'",),
            safe=True,
        )
