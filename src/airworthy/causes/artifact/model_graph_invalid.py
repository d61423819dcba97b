"""The model's graph is not valid: the runtime reads the file and refuses what it says.

## What happens

A file is whole and of the right format, and does not load: `[ONNXRuntimeError] : 10 : INVALID_GRAPH : This is an
invalid model`, `Type 'tensor(int64)' of input parameter (x) of operator (y) in node (z) is invalid`, `onnx.checker
... Nodes in a graph must be topologically sorted`, `Check failed: ... node has no output`.

## Why

A converter, an optimiser or an edit by hand wrote a graph that breaks the rules of its format: an operator gets a
type it does not take, a name is used before it is made, an attribute is missing or belongs to another operator set,
shapes contradict each other.

## How to end it

Convert it again with the newest release of the converter, and without the step (simplifying, half precision,
quantising) that came last. The message names the node; look there for what the step did.

## How to prevent it

Check and run each converted model before it is published: `airworthy inspect FILE` and one run with real inputs.

## Example

```
onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph: [ONNXRuntimeError] : 10 : INVALID_GRAPH : Load model from a.onnx failed:This is an invalid model. Type Error: Type 'tensor(int64)' of input parameter (7369) of operator (Min) in node (Min_12) is invalid.
```

## References

- https://onnxruntime.ai/docs/reference/compatibility.html
- https://onnx.ai/onnx/repo-docs/IR.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_NODE = "the graph is not valid at node {node}: {problem}"

CAUSE = Cause(
    slug="model-graph-invalid",
    severity=Severity.ERROR,
    message="the graph is not valid: {problem}",
    unpredictable="a runtime checks a graph by its own rules while it loads it",
    signatures=(
        Signature(
            "of operator (",
            r"(?P<problem>Type '[^']{1,80}' of (?:input|output) parameter \([^)]{1,200}\) of operator \([^)"
            r"]{1,80}\)) in node \((?P<node>[^)]{0,200})\) is invalid",
            message=_NODE,
        ),
        Signature(
            "This is an invalid model. ",
            r"This is an invalid model\. (?!.{0,200}(?:No Op registered|No opset import|Unrecognized attribute|is "
            r"not a registered|Fatal error: \S+ is not))(?P<problem>[^\n]{1,200})",
            weight=0.9,
        ),
        Signature(
            "INVALID_GRAPH",
            r"INVALID_GRAPH(?!.{0,400}(?:No Op registered|Unrecognized attribute|is not a registered|opset))",
            weight=0.8,
        ),
        Signature("ShapeInferenceError]", r"\[ShapeInferenceError\] (?P<problem>[^\n]{1,200})", weight=0.75),
        Signature("TypeInferenceError]", r"\[TypeInferenceError\] (?P<problem>[^\n]{1,200})", weight=0.75),
        Signature(
            "Nodes in a graph must be topologically sorted",
            r"(?P<problem>Nodes in a graph must be topologically sorted)",
        ),
        Signature(
            "Graph must be in single static assignment (SSA) form",
            r"(?P<problem>Graph must be in single static assignment)",
        ),
        Signature(
            "onnx.onnx_cpp2py_export.checker.ValidationError", r"ValidationError: (?P<problem>[^\n]{1,200})", weight=0.9
        ),
        Signature(
            "onnx_cpp2py_export.shape_inference.InferenceError",
            r"InferenceError: (?P<problem>[^\n]{1,200})",
            weight=0.9,
        ),
        Signature(
            "has input size ", r"(?P<problem>Node \([^)]{0,200}\) has input size \d+ not in range \[min=\d+, max=\d+\])"
        ),
        Signature("has output size ", r"(?P<problem>Node \([^)]{0,200}\) has output size \d+ not in range)"),
        Signature("Required attribute '", r"(?P<problem>Required attribute '[^']{1,80}' is missing)"),
        Signature("Duplicate definition of name", r"(?P<problem>Duplicate definition of name \([^)]{0,200}\))"),
        Signature("Duplicate definition-site for", r"(?P<problem>Duplicate definition-site for)"),
        Signature("is not a graph input, initializer, or output of a previous node", weight=0.97),
        Signature(
            "is not output of any previous nodes",
            r"(?P<problem>Input '?[^'\n]{1,120}'? is not output of any previous nodes)",
            weight=0.97,
        ),
        Signature("Mismatch between number of initializers", weight=0.9),
        Signature("Check 'element_type", r"Check 'element_type\S{0,80}' failed", weight=0.7),
        Signature(
            "While validating node '",
            r"While validating (?:ONNX )?node '(?P<node>[^'\n]{1,160})",
            message="the graph is not valid at node {node}",
            weight=0.85,
        ),
        Signature(
            "While validating ONNX node '",
            r"node '(?P<node>[^'\n]{1,160})",
            message="the graph is not valid at node {node}",
            weight=0.85,
        ),
        Signature("This graph contains a cycle", weight=0.9),
        Signature("graph contains at least one cycle", weight=0.9),
        Signature(
            "incompatible with expected",
            r"Input \d+ of node \S{1,200} was passed \w{1,20} from \S{1,200} incompatible with expected",
            weight=0.9,
        ),
    ),
    related=("file-corrupt", "format-version-unsupported", "op-not-implemented", "shape-mismatch"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See the node, then convert again."""
    yield Remedy(
        why=say("See what the file holds; nothing of it is run."),
        commands=(command(facts, "airworthy", "inspect", model_file(facts)),),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Convert the model again with the converter's newest release, without the step that was done to it last."
        )
    )
