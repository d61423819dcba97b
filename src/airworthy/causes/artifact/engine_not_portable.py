"""A compiled engine was built by another version, or for another GPU.

## What happens

The plan file is whole, and the runtime refuses it: `The engine plan file is not compatible with this version of
TensorRT`, `generated on an incompatible device, expecting compute 8.6 got compute 7.5`, `Version tag does not
match`. Wrappers then fail on an engine that is `None`.

## Why

An engine is machine code, chosen and timed on one GPU by one release of the compiler. It runs on that architecture
with that release; the same holds for the operating system. Only engines built for it (version-compatible,
hardware-compatible) are wider, at the cost of speed. `got 0.0.0` is another matter: there the file is damaged.

## How to end it

Build the engine again from the ONNX file or checkpoint, on the target machine, in the image that will serve it.

## How to prevent it

Ship the model and build on first start, or keep one engine for each pair of GPU and release, with both in its name.

## Example

```
[TRT] [E] 6: The engine plan file is generated on an incompatible device, expecting compute 8.0 got compute 8.9,
please rebuild.
[TRT] [E] 2: [engine.cpp::deserializeEngine::1148] Error Code 2: Internal Error (Assertion engine->deserialize failed.)
```

## References

- https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/advanced.html
- https://github.com/NVIDIA/TensorRT/issues/2195
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, MODEL_FORMAT_VERSIONS, MODEL_PATH
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="engine-not-portable",
    severity=Severity.ERROR,
    needs=(MODEL_FORMAT_VERSIONS,),
    uses=(DISTRIBUTIONS, MODEL_PATH),
    message="the engine was built for {found}, and this runtime expects {wanted}",
    signatures=(
        Signature(
            "The engine plan file is not compatible with this version of TensorRT",
            r"expecting library version (?P<wanted>\d[\d.]{0,20}\d) got (?P<found>(?!0\.0\.0)\d[\d.]{0,20}\d)",
        ),
        Signature(
            "is generated on an incompatible device",
            r"expecting compute (?P<wanted>\d\d?\.\d) got compute (?P<found>\d\d?\.\d)",
            message="the engine was built on a device of another compute capability: {wanted} against {found}",
        ),
        Signature("is generated on an incompatible device"),
        Signature("Version tag does not match"),
        Signature("Platform specific tag mismatch"),
        Signature("safeVersionRead == "),
        Signature("incompatible with the current version of TensorRT"),
        Signature("he engine was built for", r"(?i)the engine was built for (?:compute capability|sm)", weight=0.95),
        Signature("Using an engine plan file across different models of devices", weight=0.85),
        Signature("Magic tag does not match", weight=0.88),
        Signature("kPLAN_MAGIC_TAG", weight=0.88),
        Signature("Error Code 1: Serialization", weight=0.85),
        Signature("Deserialize the cuda engine failed", weight=0.75),
        Signature("Engine deserialization failed", weight=0.75),
        Signature("Assertion engine->deserialize", weight=0.7),
    ),
    related=("format-version-unsupported", "file-corrupt", "no-kernel-image"),
)

_RUNTIMES = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11", "tensorrt-lean", "tensorrt-dispatch")


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The release in a plan's header against the TensorRT that is installed; the GPU it is for is not published."""
    built = next((Version(v.domain) for v in facts.value(MODEL_FORMAT_VERSIONS) if v.kind == "tensorrt"), None)
    if built is None:
        return
    fact = facts.fact(DISTRIBUTIONS)
    if isinstance(fact, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=DISTRIBUTIONS.name, reason=fact.reason)
    packages = {each.name: each.version for each in facts.get_value(DISTRIBUTIONS, ())}
    installed = next((packages[name] for name in _RUNTIMES if name in packages), None)
    if installed is None:
        raise Undecidable("no package of TensorRT is installed in this environment; the system may hold one")
    if built.numbers[:3] == installed.numbers[:3]:
        return
    yield CAUSE.finding(
        facts,
        facts.get_value(MODEL_PATH, "tensorrt"),
        evidence=(MODEL_FORMAT_VERSIONS, DISTRIBUTIONS),
        # Within one major version a plan runs if it was built to, which its header does not say.
        severity=Severity.ERROR if built.major != installed.major else Severity.WARNING,
        confidence=Confidence.HIGH if built.major != installed.major else Confidence.MEDIUM,
        found=say("TensorRT {version}", version=built),
        wanted=installed.text,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Build it here."""
    yield Remedy(
        why=say("Build the engine again on this machine, with the release that will load it."),
        commands=("trtexec --onnx=model.onnx --saveEngine=model.plan",),
        safe=True,
    )
    yield Remedy(
        why=say(
            "For one engine on several releases or devices, build it version-compatible or hardware-compatible; "
            "it will be slower."
        ),
        commands=("trtexec --onnx=model.onnx --saveEngine=model.plan --versionCompatible",),
        safe=True,
    )
