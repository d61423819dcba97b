"""NaN or infinity in weights, logits or sampling probabilities.

## What happens

Sampling fails with `probability tensor contains either inf, nan or element < 0`, a server returns empty or repeated
characters (`!!!!`), an image is black, a metric is `nan`.

## Why

A number went beyond its type. Half precision ends at 65 504, and models that were trained in bfloat16 go past that
in some layers; so loading them in float16, as devices without bfloat16 need, makes infinities. Other ways are
damaged or wrongly converted weights, a quantisation that does not fit, padding rows in which all positions are
masked, and a temperature of 0 where it divides.

## How to end it

Run in bfloat16, or in float32 where the device lacks it. Look for NaN in the weights themselves before anything
else is blamed. With padding, pad on the left and pass the attention mask.

## How to prevent it

Compare the answers of a converted or quantised model with those of the original on a few inputs before a release.

## Example

```
    next_tokens = torch.multinomial(probs, num_samples=1).squeeze(1)
RuntimeError: probability tensor contains either `inf`, `nan` or element < 0
```

## References

- https://github.com/huggingface/transformers/issues/17413
- https://huggingface.co/docs/transformers/main/en/model_doc/t5
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.causes.weight_faults import findings
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import WEIGHT_FAULTS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="nan-in-output",
    severity=Severity.ERROR,
    needs=(WEIGHT_FAULTS,),
    message="numbers that are not finite where finite ones are needed",
    signatures=(
        Signature("probability tensor contains either"),
        Signature("Assertion `", r"Assertion `!?\(?[\w:<>]*(?:isinf|isnan|isfinite)\(\w+\)[^`]{0,80}` failed"),
        Signature("Assertion `", r"Assertion `val >= (?:0|zero)` failed", weight=0.97),
        Signature("Assertion `", r"Assertion `probability tensor contains", weight=1.0),
        Signature("Assertion `", r"Assertion `input_val >= zero && input_val <= one` failed", weight=0.96),
        Signature("invalid multinomial distribution", r"sum of probabilities <= 0|encountering probability entry < 0"),
        Signature("A tensor with NaNs was produced in", weight=1.0),
        Signature("NansException"),
        Signature("A tensor with all NaNs was produced"),
        Signature("Out of range float values are not JSON compliant", weight=0.9),
        Signature("NaN detected", r"(?i)\bnans? (?:detected|found|encountered) in", weight=0.9),
        Signature("Detected errors during sampling! NaN in the logits"),
        Signature("NaN in the logits"),
        Signature("NaN or Inf found in", weight=0.9),
        Signature(
            "contains NaN",
            r"(?:[Ii]nput|[Oo]utput|logits?|weights?|tensor|Array)\b.{0,40} contains (?:NaN|nan|inf)",
            weight=0.85,
        ),
        Signature("invalid values: tensor([[nan", weight=0.95),
        Signature("found invalid values", r"satisfy the constraint .{0,120}found invalid values", weight=0.85),
        Signature("returned nan values", r"Function '\w+' returned nan values"),
        Signature("loss is nan", r"(?i)loss is (?:nan|infinite)", weight=0.8),
        Signature("found nan in tensor", r"(?i)found (?:nan|inf)(?:/inf)? in tensor", weight=0.9),
        Signature("unexpected end of probabilities", weight=0.5),
        Signature(
            "invalid value encountered in cast", r"RuntimeWarning: invalid value encountered in cast", weight=0.7
        ),
        Signature("ggml_validate_row_data", r"found (?:nan|inf) value at block"),
        Signature("CheckNumerics", r"Tensor had (?:NaN|Inf)|CheckNumerics"),
        Signature("Tensor had NaN values"),
        Signature("Tensor had Inf values"),
        Signature("GGML_ASSERT(!isnan("),
        Signature("Loss became infinite or NaN", weight=0.85),
    ),
    related=("device-assert", "dtype-unsupported", "file-corrupt"),
)


_KINDS = frozenset({"nan", "infinite"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Weights that are no numbers; what inputs add to sound ones cannot be known beforehand."""
    yield from findings(CAUSE, facts, _KINDS, "tensor")


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A wider type, then the weights."""
    yield Remedy(
        why=say("Run in bfloat16, or in float32 where the device lacks it: `--dtype bfloat16`, `torch_dtype`."),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Look for numbers in the weights that are not finite: `torch.isfinite(t).all()` over the state dict; where "
            "there are, fetch or convert the file again."
        ),
        safe=True,
    )
    yield Remedy(why=say("Try the same input greedily and without quantisation, to see which of the two brings them."))
