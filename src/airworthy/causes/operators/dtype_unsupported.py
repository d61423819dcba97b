"""The device or library does not support this data type.

## What happens

`Bfloat16 is only supported on GPUs with compute capability of at least 8.0`, `type fp8e4nv not supported in this
architecture`, `"LayerNormKernelImpl" not implemented for 'Half'` on a CPU, `Got unsupported ScalarType BFloat16`
from NumPy.

## Why

Types came with generations of hardware: float16 with compute capability 5.3, bfloat16 with 8.0, fp8 with 8.9, fp4
with 10.0; on AMD fp8 with gfx942 and, in the standard encoding, gfx950. CPUs compute in 16 bit only in recent
releases of PyTorch, and NumPy has no bfloat16 at all. Models say in their configuration which type they were saved
in, and servers take it over.

## How to end it

Ask for a type that the device has: float16 in place of bfloat16 on Turing and Volta (and look at the answers, since
its range is smaller), float32 on a CPU. For fp8 weights take a quantisation that the device has, or a newer device.

## How to prevent it

Compare the model's type with the device before the download; `airworthy check MODEL` does.

## Example

```
ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI, for example: --dtype=half.
```

## References

- https://docs.nvidia.com/cuda/cuda-c-programming-guide/#features-and-technical-specifications
- https://rocm.docs.amd.com/en/latest/reference/precision-support.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.devices import newest_nvidia
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import MODEL_DATATYPES, MODEL_PATH, NVIDIA_DEVICES, TARGET_DATATYPE
from airworthy.core.words import say
from airworthy.knowledge import Knowledge

_NAMED = "this device does not support {datatype}"

CAUSE = Cause(
    slug="dtype-unsupported",
    severity=Severity.ERROR,
    needs=(NVIDIA_DEVICES,),
    uses=(MODEL_DATATYPES, TARGET_DATATYPE, MODEL_PATH),
    message="{device} ({architecture}) does not compute in {datatype}, which needs {first} or newer",
    signatures=(
        Signature(
            "is only supported on GPUs with compute capability",
            r"(?P<datatype>[Bb]float16|fp8|FP8|[Ff]loat8\w*) is only supported on GPUs with compute capability of at "
            r"least "
            r"(?P<first>\d+\.\d+)\. Your (?P<device>.{1,60}?) GPU has compute capability (?P<architecture>\d+\.\d+)",
        ),
        Signature("loat16 is only supported on GPUs with compute capability"),
        Signature(
            "not supported in this architecture",
            r"type (?P<datatype>\w+) not supported in this architecture",
            message=_NAMED,
        ),
        Signature("bf16 is not supported on this", r"(?i)bf(?:loat)?16 is not supported on this", weight=0.95),
        Signature("Your setup doesn't support bf16/gpu"),
        Signature("doesn't support bf16", r"(?:GPU|device|setup|hardware)\b.{0,60} doesn't support bf16"),
        Signature("Current CUDA Device does not support bfloat16"),
        Signature(
            "does not support bfloat16",
            r"(?i)(?:gpu|device|hardware|architecture|cpu|platform|cc)\b.{0,60}does not "
            r"support bfloat16",
            weight=0.95,
        ),
        Signature("GPUs do not support bfloat16", weight=1.0),
        Signature("bfloat16 is not supported", r"(?i)bfloat16 is not supported (?:on|by|for|in)", weight=0.9),
        Signature(
            "not implemented for '",
            r'"\w+_cpu\w*" not implemented for \'(?P<datatype>Half|BFloat16|Float8\w*)\'',
            weight=0.95,
            message="the CPU does not compute this in {datatype}",
        ),
        Signature(
            "not implemented for '",
            r'"\w+" not implemented for \'(?P<datatype>Float8_\w+)\'',
            weight=0.9,
            message=_NAMED,
        ),
        Signature(
            "not implemented for '",
            r'"[\w.]+" not implemented for \'(?P<datatype>Half|BFloat16)\'',
            weight=0.9,
            message="this device does not compute this in {datatype}",
        ),
        Signature(
            "Got unsupported ScalarType", r"ScalarType (?P<datatype>\w+)", message="NumPy has no type for {datatype}"
        ),
        Signature("Feature '.bf16' requires", r"requires \.target (?P<first>sm_\d+)"),
        Signature(
            "requires .target",
            r"Feature '(?P<datatype>[^']{1,80})' requires \.target (?P<first>sm_\d+)",
            message="{datatype} needs {first} or newer",
            weight=0.8,
        ),
        Signature("Requested float16 compute type, but the target device or backend do not support"),
        Signature(
            "compute type, but the target device or backend do not support",
            r"Requested (?P<datatype>\w+) compute",
            message=_NAMED,
        ),
        Signature("FP8 is only supported on", weight=0.95),
        Signature(
            "is only possible on GPUs with compute capability", r"torch\._scaled_mm|compute capability >= ", weight=0.95
        ),
        Signature("is only supported on CUDA devices with compute capability", weight=0.95),
        Signature(
            "Device compute capability", r"(?i)compute capability .{0,60}required for (?:fp8|bf16|fp4)", weight=0.9
        ),
        Signature("FP8 execution", r"compute capability 8\.9 or higher required for FP8"),
        Signature("required for FP8 execution"),
        Signature("Half precision is not supported", weight=0.9),
        Signature("dtype float16 is not supported", weight=0.9),
        Signature("FP16 Mixed precision training with AMP or APEX", weight=0.85),
        Signature("fp16 mixed precision requires a GPU", weight=0.9),
        Signature(
            "Platform does not support",
            r"does not (?:have|support) (?:fast )?(?:native )?(?P<datatype>FP16|BF16|INT8|FP8)",
            weight=0.8,
            message=_NAMED,
        ),
        Signature("Unsupported data type, pre SM 80 GPUs do not support bfloat16"),
        Signature("pre SM 80 GPUs do not support bfloat16"),
        Signature("Cannot convert a MPS Tensor to float64", weight=0.6),
        Signature(
            "does not support float64",
            r"(?:framework|device|XPU|backend) .{0,40}doesn?'?t? ?(?:not)? support float64",
            weight=0.6,
        ),
        Signature("Required aspect fp64 is not supported on the device"),
        Signature(
            "data type",
            r"(?i)unsupported (?:data ?type|dtype)[ :'\"]+(?:torch\.)?(?P<datatype>bfloat16|float8\w*|half)",
            weight=0.85,
            message=_NAMED,
        ),
    ),
    related=("attention-backend-unsupported", "quant-backend-missing", "op-not-implemented", "nan-in-output"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The type to be run in, or those of the weights, against the newest device."""
    best = newest_nvidia(facts.value(NVIDIA_DEVICES))
    if best is None:
        return
    newest, capability = best
    wanted = facts.get_value(TARGET_DATATYPE, "")
    stored = facts.fact(MODEL_DATATYPES)
    if not wanted and MODEL_DATATYPES.name in facts and isinstance(stored, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=MODEL_DATATYPES.name, reason=stored.reason)
    for name in (wanted,) if wanted else facts.get_value(MODEL_DATATYPES, ()):
        row = known.datatype(name)
        if row is None or capability >= row.capability:
            continue
        yield CAUSE.finding(
            facts,
            newest.name,
            evidence=(TARGET_DATATYPE if wanted else MODEL_DATATYPES, NVIDIA_DEVICES),
            # Weights can be converted when they are loaded, and most servers do so; a type that is asked for can't.
            severity=Severity.ERROR if wanted else Severity.WARNING,
            confidence=Confidence.HIGH if wanted else Confidence.MEDIUM,
            device=newest.name,
            architecture=newest.architecture,
            datatype=row.name,
            first=row.capability.text,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A type that the device has."""
    datatype = str(params.get("datatype", "")).lower()
    if "8" in datatype and "16" not in datatype:
        yield Remedy(
            why=say("Take the model in 16 bit or in a quantisation for older devices (AWQ, GPTQ), or a newer device.")
        )
        return
    yield Remedy(
        why=say("Run in float16, and compare the answers: its range is smaller than bfloat16's."),
        commands=("vllm serve MODEL --dtype half",),
        safe=True,
    )
    yield Remedy(why=say("On a CPU, and for NumPy, convert to float32 first: `.float()`."), safe=True)
