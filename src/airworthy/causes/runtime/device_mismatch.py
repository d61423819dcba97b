"""Tensors of one operation lie on different devices.

## What happens

`Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!`, at the first use of
a part of the model or of an input that was left behind.

## Why

PyTorch never moves data between devices by itself. The model was moved and the inputs were not, a tensor is made
inside `forward` without a device, a buffer is a plain attribute and does not follow `.to()`, or a model that was
spread over devices (`device_map="auto"`) is fed or merged by code that knows of one.

## How to end it

Move inputs to the device of the model's first parameter, and create tensors with `device=x.device`. Register
constants with `register_buffer`. For a model spread over devices, send inputs to `model.device` and never call
`.to()` on it.

## How to prevent it

Run one request on the accelerator in the tests: on a CPU alone this cannot show.

## Example

```
RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (when checking argument for argument index in method wrapper_CUDA__index_select)
```

## References

- https://docs.pytorch.org/docs/stable/notes/cuda.html
- https://huggingface.co/docs/accelerate/concept_guides/big_model_inference
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="device-mismatch",
    severity=Severity.ERROR,
    message="one operation got tensors on {one} and on {other}",
    unpredictable="it is in the program's code, and shows when the code runs",
    signatures=(
        Signature(
            "to be on the same device",
            r"at least two devices, (?P<one>[\w:]+),? and (?P<other>[\w:]+)!?(?:.{0,80}argument (?P<argument>\w+) in "
            r"method (?P<operation>\w+))?",
        ),
        # A line that the terminal wrapped after the first device.
        Signature("to be on the same device", r"[Ee]xpected all (?:the )?(?:input )?tensors to be on the same device"),
        Signature("Expected all tensors to be on the same"),
        Signature(
            "Input type (",
            r"Input type \((?P<one>torch\.(?:cuda\.|npu\.|xpu\.)?\w*Tensor)\) and weight type "
            r"\((?P<other>torch\.(?:cuda\.|npu\.|xpu\.)?\w*Tensor)\) should be the same",
            weight=0.95,
            message="the input is a {one}, the weight a {other}",
            refine=lambda params: params if _places(params) else None,
        ),
        Signature("Input and parameter tensors are not at the same device", weight=1.0),
        Signature("Input and hidden tensors are not at the same device", weight=1.0),
        Signature("Expected object of device type", r"device type \w+ but got device type \w+"),
        Signature("Expected object of backend", r"backend \w+ but got backend \w+"),
        Signature("is on cpu, but expected", weight=1.0),
        Signature("but expected them to be on GPU", weight=1.0),
        Signature("Tensor for argument #", r"is on CPU, but expected (?:it|them) to be on GPU"),
        Signature("indices should be either on cpu or on the same device as the indexed tensor"),
        Signature("is on the meta device", r"on the meta device because some parameters are on the cpu", weight=0.3),
        Signature("Pointer argument (at", r"Pointer argument \(at \d+\) cannot be accessed from Triton \(cpu tensor"),
        Signature("convert", r"can't convert (?:cuda|npu|xpu|mps)(?::\d+)? device type tensor to numpy"),
        Signature("arguments are located on different GPUs"),
        Signature("to have the same device", weight=0.95),
        Signature("tensors must be on the same device", r"(?i)\btensors must be on the same device", weight=0.95),
        Signature("_share_filename_: only available on CPU", weight=0.9),
        Signature("must be on the current device", weight=0.9),
        Signature(
            "Attempting to deserialize object on a CUDA device", r"but torch\.cuda\.device_count\(\) is", weight=0.8
        ),
        Signature("to a storage on different device"),
        Signature("Placeholder storage has not been allocated on MPS device"),
        Signature("is not on the expected device"),
        Signature("input tensors need to be on the same GPU"),
        Signature("device type for generator but found"),
        Signature("Tensors must be CUDA and dense", weight=0.9),
        Signature("No backend type associated with device type cpu", weight=0.8),
    ),
    related=("dtype-mismatch", "shape-mismatch", "op-not-implemented"),
)


def _places(params: dict[str, str]) -> bool:
    """Whether two tensor types differ in the device that they name."""
    return params["one"].rpartition(".")[0] != params["other"].rpartition(".")[0]


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Which tensor stayed behind, and how it follows."""
    argument = str(params.get("argument", ""))
    if argument:
        yield Remedy(
            why=say(
                "The argument `{argument}` of {operation} lies elsewhere: move it with `.to(x.device)` first.",
                argument=argument,
                operation=params.get("operation", ""),
            )
        )
    yield Remedy(why=say("Move the inputs to the model's device: `inputs = inputs.to(model.device)`."))
    yield Remedy(
        why=say(
            "Where the model is spread over devices (`device_map`), load it onto one, or leave moving to the library."
        )
    )
