"""The model is larger than the 2 GiB that one protobuf message can hold.

## What happens

Exporting, checking or loading a model ends with `The model is larger than the 2GiB limit imposed by the protobuf
library`, `This protobuf of onnx model is too large (>2GB)`, `exceeded maximum protobuf size of 2GB`. Smaller models
work.

## Why

ONNX and TensorFlow graphs are protobuf messages, whose sizes are 32-bit numbers. Larger weights must lie in files
beside the graph (external data), and every tool on the way must read them from there.

## How to end it

Save with external data, keep all files in one folder, and give checkers the path in place of the loaded model.

## How to prevent it

Export large models with external data from the start, and copy the folder as a whole.

## Example

```
ValueError: This protobuf of onnx model is too large (>2GB). Call check_model with model path instead.
```

## References

- https://onnx.ai/onnx/repo-docs/ExternalData.html
- https://protobuf.dev/programming-guides/proto-limits/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import model_file, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="protobuf-size-limit",
    severity=Severity.ERROR,
    message="the model is larger than the 2 GiB of one protobuf message",
    unpredictable="the limit is met while a program writes or reads the model as one message",
    signatures=(
        Signature("larger than the 2GiB limit"),
        Signature("is too large (>2GB)"),
        Signature("exceeded maximum protobuf size of 2GB"),
        Signature("xceeds maximum protobuf size", r"(?i)exceed(?:s|ed) maximum protobuf size"),
        Signature("GraphDef cannot be larger than 2GB", r"cannot be larger than 2GB"),
        Signature("Cannot create a tensor proto whose content is larger than 2GB"),
        Signature("contents larger than 2GB", weight=0.9),
        Signature(
            "protobuf message was rejected because it was too big", r"(?i)protobuf|protocol message", weight=0.97
        ),
        Signature("A protocol message was rejected because it was too big"),
        Signature("Protobuf serialization failed", weight=0.7),
        Signature("2GB limit", r"(?i)protobuf.{0,80}2 ?GB limit|2 ?GB limit.{0,80}protobuf", weight=0.95),
        Signature("Failed to serialize proto", weight=0.7),
    ),
    related=("file-corrupt", "op-not-exportable", "shard-missing"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Weights beside the graph."""
    path = model_file(facts)
    program = (
        f"import onnx; onnx.save(onnx.load({path!r}), 'out/model.onnx', save_as_external_data=True, "
        "all_tensors_to_one_file=True, location='model.onnx.data')"
    )
    yield Remedy(
        why=say("Save the weights beside the graph, and keep both files in one folder."),
        commands=("mkdir -p out", python(facts, "-c", program)),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Export with external data: `torch.onnx.export(..., external_data=True)`; give checkers the path of "
            "the file."
        ),
        safe=True,
    )
