"""The shapes, ranks or names of the inputs do not fit the model.

## What happens

The model is loaded, and a call fails: `mat1 and mat2 shapes cannot be multiplied`, `Got invalid dimensions for
input`, `Invalid Feed Input Name`, `Invalid rank for input`.

## Why

The model was built or exported for other inputs than it gets: another number of features or channels, a batch axis
that is missing, a fixed size where the program sends a free one, or an input by a name that the export dropped
(`token_type_ids`).

## How to end it

Ask the model what it takes (`airworthy inspect MODEL`) and make the inputs like that. Where sizes have to vary,
export again with dynamic axes.

## How to prevent it

Read names and shapes from the model in place of writing them into the program.

## Example

```
onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: images for the following indices
```

## References

- https://onnxruntime.ai/docs/api/python/api_summary.html
- https://docs.pytorch.org/docs/stable/onnx.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import MODEL_PATH
from airworthy.core.messages import say

_SHAPES = "the inputs are {found}, which does not go with {wanted}"

CAUSE = Cause(
    slug="shape-mismatch",
    severity=Severity.ERROR,
    uses=(MODEL_PATH,),
    message="`{input}` has {found}, and the model wants {wanted}",
    unpredictable="the inputs are made when a request comes",
    signatures=(
        Signature(
            "Invalid rank for input",
            r"Invalid rank for input: (?P<input>\S+) Got: (?P<found>\d+) Expected: (?P<wanted>\d+)",
            message="`{input}` has {found} axes, and the model wants {wanted}",
        ),
        Signature(
            "Non-zero status code returned while running ",
            r"while running (?P<operator>\w{1,80}) node\..{0,400} dimensions? mismatch",
            message="the inputs of a {operator} operator do not fit each other",
        ),
        Signature("Got invalid dimensions for input", r"dimensions for input: (?P<input>\S+)"),
        Signature(
            "Invalid Feed Input Name",
            r"Invalid Feed Input Name: ?(?P<input>[\w.:/-]+)",
            message="the model has no input named `{input}`",
        ),
        Signature(
            "Required inputs (",
            r"Required inputs \((?P<wanted>.{1,300}?)\) are missing from input feed \((?P<found>.{0,300}?)\)",
            message="inputs {wanted} are missing from {found}",
        ),
        Signature("Missing Input: ", r"Missing Input: (?P<input>[\w.:/-]+)", message="the input `{input}` is missing"),
        Signature(
            "Expected: ",
            r"index: (?P<index>\d+) Got: (?P<found>\d+) Expected: (?P<wanted>\d+)",
            message="axis {index} of an input is {found}, and the model wants {wanted}",
        ),
        Signature(
            "shapes cannot be multiplied",
            r"shapes cannot be multiplied \((?P<found>\d+x\d+) and (?P<wanted>\d+x\d+)\)",
            message=_SHAPES,
        ),
        Signature(
            "size mismatch, m1: [",
            r"m1: \[(?P<found>[\dx ]+)\], m2: \[(?P<wanted>[\dx ]+)\]",
            message=_SHAPES,
        ),
        Signature(
            "The size of tensor a (",
            r"tensor a \((?P<found>\d+)\) must match the size of tensor b \((?P<wanted>\d+)\)",
            weight=0.8,
            message="sizes {found} and {wanted} meet in one operation",
        ),
        Signature(
            "Sizes of tensors must match except in dimension",
            r"Expected size (?P<wanted>\d+) but got size (?P<found>\d+)",
            weight=0.9,
            message="a part of size {found} is joined to parts of size {wanted}",
        ),
        Signature(
            "channels, but got",
            r"expected input\[(?P<found>[\d, ]+)\] to have (?P<wanted>\d+) channels",
            message="the input is [{found}], and the model wants {wanted} channels",
        ),
        Signature("Expected 3D (unbatched) or 4D (batched) input"),
        Signature("dimensional input", r"[Ee]xpected \d-dimensional input for \d-dimensional weight"),
        Signature(
            "shape '[",
            r"shape '(?P<wanted>\[[\d, -]+\])' is invalid for input of size (?P<found>\d+)",
            weight=0.9,
            message="{found} elements do not make the shape {wanted}",
        ),
        Signature("Expected more than 1 value per channel", weight=0.8),
        Signature("mat1 dim 1 must match mat2 dim 0"),
        Signature("batch2 tensor", r"Expected size for first two dimensions of batch2 tensor to be"),
        Signature(
            "must match the existing size",
            r"expanded size of the tensor \((?P<wanted>\d+)\) must match the "
            r"existing size \((?P<found>\d+)\)",
            weight=0.85,
            message="{found} cannot be stretched to {wanted}",
        ),
        Signature(
            "Incompatible shapes: [",
            r"Incompatible shapes: (?P<found>\[[\d,]*\]) vs\.? (?P<wanted>\[[\d,]*\])",
            weight=0.9,
            message=_SHAPES,
        ),
        Signature("is incompatible with the layer", r"Input (?:\d+ of|\d+ is|\S+ of)", weight=0.95),
        Signature("Matrix size-incompatible", weight=0.95),
        Signature(
            "Cannot set tensor: Dimension mismatch",
            r"Got (?P<found>\d+) but expected (?P<wanted>\d+)",
            message="an axis is {found}, and the model wants {wanted}",
        ),
        Signature("Dimension mismatch", r"Cannot set tensor: Dimension mismatch"),
        Signature(
            "unexpected shape for input",
            r"Expected (?P<wanted>\[[-\d, ]+\]), got (?P<found>\[[-\d, ]+\])",
            weight=0.85,
            message="an input is {found}, and the model is served with {wanted}",
        ),
        Signature("satisfyProfile Runtime dimension does not satisfy any optimization profile"),
        Signature("Runtime dimension does not satisfy any optimization profile", weight=0.99),
        Signature("Supplied binding dimension", r"Supplied binding dimension \[(?P<found>[\d,]+)\] for bindings"),
        Signature("Static dimension mismatch while setting input shape"),
        Signature("dot_general requires contracting dimensions to have the same shape"),
        Signature(
            "operands could not be broadcast together with shapes",
            r"shapes (?P<found>\([\d,]*\)) "
            r"(?P<wanted>\([\d,]*\))",
            weight=0.7,
            message=_SHAPES,
        ),
        Signature("Model requires", r"Model requires \d+ inputs\. Input Feed contains \d+"),
        Signature("Tensors must have same number of dimensions"),
        Signature("shape mismatch: value tensor of shape"),
        Signature("shape mismatch: indexing tensors could not be broadcast"),
        Signature("The shape of the mask ["),
        Signature("Expected input batch_size"),
        Signature("Calculated padded input size per channel"),
        Signature("einsum(): subscript", r"einsum\(\): subscript \w+ has size"),
        Signature("don't match in permute"),
        Signature("could not broadcast input array from shape", weight=0.9),
        Signature("cannot reshape array of size", weight=0.8),
        Signature(
            "features as input",
            r"X has (?P<found>\d+) features, but \w+ is expecting (?P<wanted>\d+) features",
            message="the input has {found} features, and the model wants {wanted}",
        ),
        Signature("feature_names mismatch"),
        Signature("is not the same as it was in training data", r"[Nn]umber of features in data \((?P<found>\d+)\)"),
        Signature("Error when checking input: expected"),
        Signature("are incompatible", r"Shapes \(?[\w, ]+\)? and \(?[\w, ]+\)? are incompatible", weight=0.95),
        Signature("does not match the shape", r"MultiArray shape .{0,60}does not match the shape"),
        Signature("Can't set the input tensor with", r"the model input \(shape=.{1,120}are incompatible"),
        Signature("features and image tokens do not match", weight=0.95),
        Signature("Input shape mismatch", weight=0.8),
    ),
    related=("shape-mismatch-weights", "dtype-mismatch", "serving-config-mismatch", "context-too-long"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """What the model takes, and how it may take more."""
    yield Remedy(
        why=say("List the model's inputs with their names, types and shapes, and make yours like them."),
        commands=(command(facts, "airworthy", "inspect", model_file(facts)),),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Where sizes have to vary, export again with dynamic axes (`dynamic_shapes` of torch.onnx.export, an "
            "optimisation profile for TensorRT)."
        )
    )
