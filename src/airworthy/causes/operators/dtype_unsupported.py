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

Ask for a type that the device has: float16 in place of bfloat16 on Turing and Volta (and check the answers, since
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
from airworthy.core.keys import AMD_DEVICES, MODEL_DATATYPES, NVIDIA_DEVICES, Key
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.knowledge import Knowledge

_NAMED = "this device does not support {datatype}"

CAUSE = Cause(
    slug="dtype-unsupported",
    severity=Severity.ERROR,
    needs=(MODEL_DATATYPES,),
    uses=(NVIDIA_DEVICES, AMD_DEVICES),
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
    """The types of the weights against the newest device; a type that is requested is a matter of the plan."""
    answers = [known.datatype_answer(name) for name in facts.value(MODEL_DATATYPES)]
    stored = [answer.value for answer in answers if answer.value is not None]
    nvidia, amd = facts.fact(NVIDIA_DEVICES), facts.fact(AMD_DEVICES)
    best = newest_nvidia(facts.get_value(NVIDIA_DEVICES, ()))
    targets = [device for device in facts.get_value(AMD_DEVICES, ()) if device.architecture.startswith("gfx")]
    if stored and best is None and not targets and isinstance(nvidia, Unknown) and isinstance(amd, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=NVIDIA_DEVICES.name, reason=nvidia.reason)
    for row in dict.fromkeys(stored):
        if best is not None and best[1] < row.capability:
            yield _finding(facts, NVIDIA_DEVICES, best[0].name, best[1].text, row.name, row.capability.text)
        elif best is None and targets and not any(row.computed_by(device.architecture) for device in targets):
            yield _finding(
                facts, AMD_DEVICES, targets[0].name, targets[0].architecture, row.name, " / ".join(row.gfx) or "-"
            )
    undecided = next((answer.reason for answer in answers if answer.reason), "")
    if undecided and (best is not None or targets):
        raise Undecidable("{reason}", reason=undecided)


def _finding(
    facts: Facts, devices: Key[tuple[Device, ...]], device: str, architecture: str, datatype: str, first: str
) -> Finding:
    return CAUSE.finding(
        facts,
        device,
        evidence=(MODEL_DATATYPES, devices),
        # Weights can be converted when they are loaded, and most programs do so.
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        device=device,
        architecture=architecture,
        datatype=datatype,
        first=first,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A type that the device has."""
    datatype = str(params.get("datatype") or params.get("dtype") or "").lower()
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
