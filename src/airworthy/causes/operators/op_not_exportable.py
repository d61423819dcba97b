"""An operator cannot be exported to the target format or operator set.

## What happens

An export or a conversion stops, and no file is written: `Exporting the operator 'aten::…' to ONNX opset version 13
is not supported`, `op is neither a custom op nor a flex op`, `Unsupported FX nodes`, `PyTorch convert function for op
'…' not implemented`.

## Why

A converter has a rule for each operator and each version of the target. It has none here: the target's operator set
is too old for it, the operator is new or custom, or Python code depends on values and can't be traced at all
(`Could not guard on data-dependent expression`).

## How to end it

Raise the operator set, as the message often says. Upgrade the exporter, or take its other path (`dynamo=True`).
Replace the operator by ones that can be exported, or register a rule of your own.

## How to prevent it

Export in CI from the day on which the model's code changes.

## Example

```
torch.onnx.errors.UnsupportedOperatorError: Exporting the operator 'aten::scaled_dot_product_attention' to ONNX opset version 13 is not supported. Support for this operator was added in version 14, try exporting with this version.
```

## References

- https://docs.pytorch.org/docs/stable/onnx.html
- https://ai.google.dev/edge/litert/models/ops_select
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_PLAIN = "{operator} cannot be exported"

CAUSE = Cause(
    slug="op-not-exportable",
    severity=Severity.ERROR,
    message="{operator} cannot be exported to operator set {opset}",
    unpredictable="the model's code has to run for its operators to be known",
    signatures=(
        Signature(
            "to ONNX opset version",
            r"operator '?(?P<operator>[\w:.]+)'? to ONNX opset version (?P<opset>\d+)(?:.{0,80}added in version "
            r"(?P<since>\d+))?",
        ),
        Signature("to ONNX opset version", r"Exporting the operator"),
        Signature("torch.onnx.errors.UnsupportedOperatorError"),
        Signature("SymbolicValueError", weight=0.9),
        Signature("Couldn't export operator", r"export operator (?P<operator>[\w:]+)", message=_PLAIN),
        Signature("ONNX export failed on an operator", r"unrecognized namespace (?P<operator>[\w:]+)", message=_PLAIN),
        Signature("ONNX export failed"),
        Signature("ONNX export of operator", r"operator (?P<operator>\w+)", message=_PLAIN),
        Signature("Failed to export the model with torch.export"),
        Signature("torch.onnx._internal.exporter", r"(?:ConversionError|TorchExportError|DispatchError)", weight=0.9),
        Signature("Failed to convert the exported program to an ONNX model"),
        Signature("No decompositions registered for", r"registered for (?:the )?(?:real|complex)", weight=0.9),
        Signature("No ONNX function found for", r"found for <OpOverload\(op='(?P<operator>[\w.]+)'", message=_PLAIN),
        Signature(
            "Unsupported FX nodes: {", r"Unsupported FX nodes: \{.{0,40}\[(?P<operator>[^\]]{1,120})\]", message=_PLAIN
        ),
        Signature("op is neither a custom op nor a flex op", r"'(?P<operator>[\w.]+)' op is neither", message=_PLAIN),
        Signature("Some ops are not supported by the native TFLite runtime"),
        Signature("Some ops in the model are custom ops"),
        Signature("ops are not supported by the native TFLite", weight=0.95),
        Signature("requires legalization", r"'(?P<operator>[\w.]+)' op .{0,80}requires legalization", message=_PLAIN),
        Signature("failed to legalize operation", r"operation '(?P<operator>[\w.]+)'", message=_PLAIN),
        Signature("Error code: ERROR_NEEDS_FLEX_OPS"),
        Signature("Error code: ERROR_NEEDS_CUSTOM_OPS"),
        Signature("PyTorch convert function for op", r"for op '(?P<operator>\w+)' not implemented", message=_PLAIN),
        Signature(
            "TensorFlow convert function for op", r"for op '?(?P<operator>\w+)'? not implemented", message=_PLAIN
        ),
        Signature(
            "Unsupported operator", r"Unsupported operator: ?aten::(?P<operator>\w+)", message=_PLAIN, weight=0.8
        ),
        Signature("Tensorflow op [", r"op \[\S+: (?P<operator>\w+)\] is not supported", message=_PLAIN),
        Signature(
            "is not supported in ONNX",
            r"(?i)(?:operator|op|function|layer|type)\b.{0,60} is not supported in ONNX",
            weight=0.95,
        ),
        Signature("Unsupported: ONNX export of", r"export of (?P<operator>\w+)", message=_PLAIN),
        Signature("Unsupported: ONNX export", weight=0.95),
        Signature("OpConversionFailure", weight=0.9),
        Signature("Check 'is_conversion_successful' failed", weight=0.9),
        Signature("Unable to find a shape calculator for type"),
        Signature("Unable to find a shape calculator for alias"),
        Signature("Unable to find converter for model", weight=0.9),
        Signature("MissingShapeCalculator", weight=0.95),
        Signature("MissingConverter", weight=0.9),
        Signature("Could not guard on data-dependent expression", weight=0.9),
        Signature("GuardOnDataDependentSymNode", weight=0.9),
        Signature(
            "The following operators are not implemented",
            r"not implemented: \[(?P<operator>[^\]]{1,120})\]",
            message=_PLAIN,
        ),
    ),
    related=("op-not-implemented", "format-version-unsupported"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer operator set, a newer exporter, another graph."""
    since = str(params.get("since", ""))
    if since:
        yield Remedy(why=say("Export with `opset_version={since}`, which has the operator.", since=since), safe=True)
    elif "opset" in params:
        yield Remedy(why=say("Export with the newest `opset_version` that the runtime in use reads."), safe=True)
    yield Remedy(
        why=say("Upgrade the exporter; its rules grow with every release."),
        commands=(pip_install(facts, "--upgrade", "onnx", "onnxscript"),),
    )
    yield Remedy(
        why=say(
            "Replace the operator by ones that can be exported (for attention, the eager one), or register a "
            "rule for it."
        )
    )
