"""The accelerator's provider failed to load, and the program runs on the CPU.

## What happens

Results are right and slow. A line in the log, which is easily overlooked, says `Failed to create
CUDAExecutionProvider`; `session.get_providers()` lists the CPU alone. The GPU is idle.

## Why

ONNX Runtime takes providers as wishes: one that does not load is passed over for the next. The provider is a library of
its own and needs CUDA, cuDNN or TensorRT of exactly the major versions it was built with. The lines before the
failure name the library that was not found; then that is the cause, see `cuda-library-missing`.

## How to end it

Install what the provider needs, or name only providers that are there. For TensorRT alone: without it the CUDA
provider still works.

## How to prevent it

Ask `session.get_providers()` after creating a session, and refuse to serve when it is not what was requested.

## Example

```
[W:onnxruntime:Default, onnxruntime_pybind_state.cc:566 CreateExecutionProviderInstance] Failed to create
CUDAExecutionProvider. Please reference
https://onnxruntime.ai/docs/reference/execution-providers/CUDA-ExecutionProvider.html#requirements to ensure all
dependencies are met.
```

## References

- https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#requirements
- https://github.com/microsoft/onnxruntime/issues/23372
- https://github.com/microsoft/onnxruntime/issues/17801
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import BINARIES, NVIDIA_DEVICES
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="execution-provider-fallback",
    severity=Severity.WARNING,
    needs=(BINARIES, NVIDIA_DEVICES),
    message="the {provider} provider of {distribution} does not load without {library}; sessions run on the next one",
    signatures=(
        Signature(
            "Failed to load library libonnxruntime_providers_",
            r"libonnxruntime_providers_(?P<provider>(?:nv_)?tensorrt\w*|openvino|migraphx|rocm|cann|shared|dnnl|qnn)\.so",
            message="the {provider} provider did not load, and the next one is used",
        ),
        Signature(
            "onnxruntime_providers_",
            r"LoadLibrary failed with error \d+.{0,80}onnxruntime_providers_(?P<provider>\w+?)\.dll",
            weight=0.95,
            message="the {provider} provider did not load, and the next one is used",
        ),
        Signature("onnxruntime_providers_", r"Error loading \"?.{0,300}onnxruntime_providers_\w+\.dll", weight=0.95),
        Signature("CUDA_PATH is set but CUDA wasn", weight=0.95),
        Signature(
            "Failed to create ",
            r"Failed to create (?P<provider>\w{2,30})ExecutionProvider",
            weight=0.9,
            message="the {provider} provider could not be made, and the next one is used",
        ),
        Signature("Falling back to [", r"Falling back to \['\w+ExecutionProvider'.{0,80}retrying", weight=0.85),
        Signature("EP Error", r"EP Error .{0,300}when using \['\w+ExecutionProvider'", weight=0.8),
        Signature("offloaded 0/", r"offloaded 0/\d+ layers to GPU", weight=0.6),
        Signature("Skipping registering GPU devices", weight=0.6),
        Signature("all back to CPU", r"will fall back to CPU|[Ff]alling back to CPU(?!\w)", weight=0.5),
        Signature("alling back to CPUExecutionProvider", weight=0.6),
    ),
    related=("cuda-library-missing", "cpu-only-build", "conflicting-package-variants", "dll-load-failed"),
)

_PROVIDER = re.compile(r"libonnxruntime_providers_(?P<provider>\w+?)\.so")
_NAMES = {"tensorrt": "TensorRT", "openvino": "OpenVINO", "migraphx": "MIGraphX", "cann": "CANN", "dnnl": "oneDNN"}


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Providers beside CUDA's whose libraries are not there; CUDA's own is reported by what it misses."""
    if not facts.value(NVIDIA_DEVICES):
        return
    for binary in facts.value(BINARIES):
        match = _PROVIDER.search(PurePosixPath(binary.path).name)
        if match is None or match["provider"] not in _NAMES or not binary.missing:
            continue
        yield CAUSE.finding(
            facts,
            binary.distribution or binary.path,
            evidence=(BINARIES, NVIDIA_DEVICES),
            # It is optional; a user who names it should know.
            severity=Severity.INFO,
            provider=_NAMES[match["provider"]],
            distribution=binary.distribution or say("no package"),
            library=binary.missing,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See what is used; then give the provider what it needs, or stop asking for it."""
    show = "import onnxruntime as o; print(o.__version__, o.get_device(), o.get_available_providers())"
    yield Remedy(
        why=say("Show which providers this build has; a session's own list shows which it uses."),
        commands=(python(facts, "-c", show),),
        safe=True,
    )
    if str(params.get("provider", "")).lower().startswith(("tensorrt", "nv_tensorrt")):
        yield Remedy(
            why=say("Install TensorRT's libraries, or leave TensorrtExecutionProvider out of the session's providers."),
            commands=(pip_install(facts, "tensorrt"),),
        )
    else:
        yield Remedy(
            why=say("Install ONNX Runtime with the CUDA and cuDNN libraries of the versions that it was built with."),
            commands=(pip_install(facts, "onnxruntime-gpu[cuda,cudnn]"),),
        )
