"""Tensors of one operation have different data types.

## What happens

`expected mat1 and mat2 to have the same dtype, but got: float != c10::Half`, or ONNX Runtime's `Unexpected input
data type. Actual: (tensor(float)), expected: (tensor(int64))`.

## Why

Weights were loaded in one type and inputs made in another: 16-bit weights with 32-bit inputs outside of autocast, a
layer kept in 32 bit for accuracy, an adapter or a second model of another type. An ONNX graph fixes the type of each
input, and NumPy makes 64-bit integers and floats by default where the graph may want 32.

## How to end it

Give the inputs the type that the model has: `.to(model.dtype)` in PyTorch, `.astype(numpy.int64)` or what the error
says for ONNX Runtime. Or load all parts in one type.

## How to prevent it

Set the type in one place and read it from there; `airworthy inspect` lists what a graph expects.

## Example

```
RuntimeError: expected mat1 and mat2 to have the same dtype, but got: float != c10::BFloat16
```

## References

- https://docs.pytorch.org/docs/stable/amp.html
- https://onnxruntime.ai/docs/api/python/api_summary.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_TYPE = r"(?:struct )?[\w:.]+(?: \w+)?"

CAUSE = Cause(
    slug="dtype-mismatch",
    severity=Severity.ERROR,
    message="one operation got {one} and {other}",
    unpredictable="it is in the program's code, and shows when the code runs",
    signatures=(
        Signature(
            "to have the same dtype",
            rf"to have the same dtype, but got:? (?P<one>{_TYPE}) (?:!=|and) (?P<other>[\w:. ]{{2,40}})",
        ),
        Signature("to have the same dtype", r"\bto have the same dtype"),
        Signature("Expected query, key, and value to have the same dtype"),
        Signature(
            "expected scalar type",
            r"(?i)expected scalar type (?P<one>\w+) but found (?P<other>\w+)",
        ),
        Signature("expected m1 and m2 to have the same dtype"),
        Signature(
            "Input type (",
            r"Input type \((?P<one>[\w.:]+)\) and (?:weight|bias) type \((?P<other>[\w.:]+)\) should be the same",
            weight=0.9,
        ),
        Signature("must have the same dtype", weight=0.95),
        Signature("Expected object of scalar type", r"scalar type (?P<one>\w+) but got scalar type (?P<other>\w+)"),
        Signature("expected dtype", r"expected dtype (?P<one>\w+) but got dtype (?P<other>\w+)"),
        Signature("expected Tensor for argument #1 'indices' to have one of the following scalar types", weight=1.0),
        Signature(
            "to have one of the following scalar types",
            r"scalar types: (?P<one>[\w, ]+); but got (?:torch\.)?(?P<other>[\w.]+) instead",
        ),
        Signature("self and mat2 must have the same dtype", r"but got (?P<one>\w+) and (?P<other>\w+)"),
        Signature("mat1 and mat2 must have the same dtype"),
        Signature(
            "Unexpected input data type",
            r"Unexpected input data type\. Actual: \((?P<one>[\w()]+)\) ?, ?expected: \((?P<other>[\w()]+)\)",
        ),
        Signature("Unexpected input data type"),
        Signature(
            "Type Error: Type",
            r"Type parameter \(\w+\) of Optype \((?P<operator>\w+)\) bound to different types",
            message="the inputs of a {operator} node have different types",
        ),
        Signature("bound to different types", r"Optype \((?P<operator>\w+)\) bound to different types"),
        Signature(
            "cannot compute",
            r"as input #\d+\(?\w*\)? was expected to be a (?P<one>\w+) tensor but is a (?P<other>\w+) tensor",
        ),
        Signature("was expected to be a", r"expected to be a (?P<one>\w+) tensor but is a (?P<other>\w+) tensor"),
        Signature("Cannot set tensor: Got value of type", r"type (?P<one>\w+) but expected type (?P<other>\w+)"),
        Signature(
            "inference input data-type is",
            r"data-type is '(?P<one>\w+)', but the model '\w[^']*' expects '(?P<other>\w+)'|data-type is '\w+'",
            weight=0.9,
        ),
        Signature("lax.dot_general requires", r"same dtype|equal dtypes", weight=0.9),
        Signature("Index put requires the source and destination dtypes match"),
        Signature("result type", r"result type \w+ can't be cast to the desired output type", weight=0.9),
        Signature(
            "value cannot be converted to type", r"converted to type at::(?:Half|BFloat16) without overflow", weight=0.8
        ),
        Signature("Found dtype", r"Found dtype (?P<one>\w+) but expected (?P<other>\w+)"),
        Signature(
            "does not match expected type (",
            r"Type \((?P<one>tensor\(\w+\))\) of output arg .{1,300}expected type "
            r"\((?P<other>tensor\(\w+\))\)",
        ),
        Signature(
            "of input parameter (",
            r"Type '(?P<one>tensor\(\w+\))' of input parameter",
            message="an operator does not take {one}",
        ),
        Signature("Expected attn_mask dtype to be bool or"),
    ),
    related=("device-mismatch", "shape-mismatch", "dtype-unsupported"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """One type for all."""
    if "tensor(" in str(params.get("other", "")):
        yield Remedy(
            why=say("Make the input a {other}, as the graph declares it, for example with `array.astype`.", **params)
        )
        return
    yield Remedy(why=say("Give the inputs the model's type before the call: `inputs.to(model.dtype)`."))
    yield Remedy(
        why=say(
            "Load all parts in one type (`torch_dtype` in transformers, `--dtype` of servers), or run them "
            "under `torch.autocast`."
        )
    )
