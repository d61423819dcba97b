"""An operator has no implementation on this device, for this type, or in this runtime.

## What happens

The model loads or starts to run, and stops at one operator: `Could not find an implementation for ConvInteger(10)`,
`The operator 'aten::…' is not currently implemented for the MPS device`, `"addmm_impl_cpu_" not implemented for
'Half'`, `Didn't find op for builtin opcode`.

## Why

An operator is a name; each back end, data type and version has its own list of those it can compute. Back ends other
than CUDA lack the rare ones, CPUs lack half precision in old releases, mobile runtimes carry only what was compiled
in, custom operators live in a library that was not loaded (`torchvision::nms`, `com.microsoft:…`).

## How to end it

Load the library that brings the operator, or upgrade the runtime. Let that one operator fall back to the CPU, or run
the model in a type that has it (float32 on a CPU). Or export the model without it.

## How to prevent it

Run one request on the very back end before a release. `airworthy inspect MODEL` lists a graph's operators.

## Example

```
onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented: [ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for ConvInteger(10) node with name 'Conv_0_quant'
```

## References

- https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md
- https://docs.pytorch.org/docs/stable/notes/mps.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.words import say

_ON = "{operator} is not implemented for {device}"
_FOR = "{operator} is not implemented for the type {type}"

CAUSE = Cause(
    slug="op-not-implemented",
    severity=Severity.ERROR,
    message="{operator} has no implementation here",
    unpredictable="which operators a runtime has for a device and type shows only when it builds its plan",
    signatures=(
        Signature(
            "is not currently implemented for the",
            r"operator '(?P<operator>[\w:.]+)' is not currently (?:implemented|supported) (?:for|on) the "
            r"(?P<device>(?!MPS)\w+)",
            message=_ON,
        ),
        # On Apple's devices there is a cause of its own for it.
        Signature("is not currently implemented for the MPS", r"operator '(?P<operator>[\w:.]+)'", weight=0.75),
        Signature(
            "is not currently supported on the",
            r"operator '(?P<operator>[\w:.]+)' is not currently supported on "
            r"the (?P<device>\w+) backend",
            message=_ON,
        ),
        Signature(
            "Could not run '",
            r"Could not run '(?P<operator>[\w:.]+)' with arguments from the '(?P<device>\w+)' backend",
            message=_ON,
        ),
        Signature(
            "not implemented for '",
            r'"(?P<operator>[\w.]+)" not implemented for \'(?P<type>(?!Half|BFloat16|Float8)\w+)\'',
            message=_FOR,
        ),
        # A device or a CPU that lacks a floating-point type as such.
        Signature(
            "not implemented for '",
            r'"(?P<operator>[\w.]+)" not implemented for \'(?P<type>\w+)\'',
            weight=0.85,
            message=_FOR,
        ),
        Signature(
            "Could not find an implementation for",
            r"implementation for (?:the node )?(?:\S+:)?(?P<operator>\w+)",
        ),
        Signature("Failed to find kernel for", r"find kernel for (?:\S+\.)?(?P<operator>\w+)"),
        Signature(
            "is not a registered function/op", r"(?P<operator>[\w.:]+)\(?[-\d]*\)? is not a registered function/op"
        ),
        Signature(
            "No Op or Function registered for", r"registered for (?P<operator>\w+) with domain_version", weight=0.8
        ),
        Signature("Failed to get registration from op code", r"op code (?P<operator>\w+)"),
        Signature("Didn't find op for builtin opcode", r"builtin opcode '(?P<operator>\w+)'", weight=0.7),
        Signature("Encountered unresolved custom op", r"custom op: (?P<operator>\w+)"),
        Signature("Select TensorFlow op(s), included in the given model", r"model, (?:is|are) not supported"),
        Signature("Regular TensorFlow ops are not supported by this interpreter"),
        Signature("Op type not registered", r"not registered '(?P<operator>\w+)'", weight=0.95),
        Signature("No OpKernel was registered to support Op", r"support Op '(?P<operator>\w+)'"),
        Signature(
            "No registered '",
            r"No registered '(?P<operator>\w+)' OpKernel for '?(?P<device>\w+)'? devices",
            message=_ON,
        ),
        Signature("Cannot assign a device for operation", r"operation (?P<operator>[\w/]+)", weight=0.7),
        Signature("Detected unsupported operations when trying to compile graph", weight=0.95),
        Signature("No importer registered for op", r"registered for op: (?P<operator>\w+)", weight=0.85),
        Signature("getPluginCreator could not find plugin", r"find plugin:? ?'?(?P<operator>\w+)"),
        Signature("Plugin not found, are the plugin name, version, and namespace correct?"),
        Signature("Cannot find plugin", r"Cannot find plugin: (?P<operator>\w+)", weight=0.95),
        Signature("operator torchvision::nms does not exist", r"operator (?P<operator>torchvision::nms)", weight=0.7),
        Signature("Unknown builtin op", r"builtin op: (?P<operator>[\w:]+)", weight=0.9),
        Signature("Couldn't find an operator for", r"operator for `?(?P<operator>[\w:]+)", weight=0.9),
        Signature("Following ops cannot be found", weight=0.9),
        Signature("ggml_backend_cuda_graph_compute: error: op not supported", r"op not supported (?P<operator>\w+)?"),
        Signature("op not supported", r"error: op not supported (?P<operator>[\w.-]+)"),
        Signature(
            "unsupported op",
            r"(?:ggml_\w+|metal|vulkan|cann)\S{0,60} ?.{0,60}unsupported op '?(?P<operator>\w+)",
            weight=0.9,
        ),
        Signature("Unsupported operator", r"[Uu]nsupported operator:? [`'\"]?(?P<operator>[A-Z]\w+)", weight=0.7),
        Signature("OpenVINO does not support the following ONNX operations", weight=0.9),
        Signature(
            "does not support op", r"(?:[Bb]ackend|[Dd]elegate|[Pp]rovider|EP)\b.{0,40} does not support op", weight=0.8
        ),
    ),
    related=("op-not-exportable", "dtype-unsupported", "format-version-unsupported", "mps-unsupported"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The library that has it, the CPU, or another graph."""
    operator, device = str(params.get("operator", "")), str(params.get("device", ""))
    if operator.startswith("torchvision::"):
        yield Remedy(
            why=say("Install the torchvision that belongs to this PyTorch, from the same index."),
            commands=(pip_install(facts, "--force-reinstall", "torch", "torchvision"),),
        )
    elif device.upper() == "XPU":
        yield Remedy(
            why=say("Let operators that the device lacks run on the CPU."),
            commands=("export PYTORCH_ENABLE_XPU_FALLBACK=1",),
            safe=True,
        )
    elif str(params.get("type", "")) in {"Half", "BFloat16"}:
        yield Remedy(why=say("Run in float32 on this device, or on one that computes in 16 bit."), safe=True)
    yield Remedy(why=say("Upgrade the runtime, or load the library that brings the operator before the model."))
    yield Remedy(
        why=say("Run the model, or the part with this operator, on the CPU; or export it without the operator."),
        safe=True,
    )
