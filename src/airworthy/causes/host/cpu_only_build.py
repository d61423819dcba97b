"""The installed framework was built without accelerator support.

## What happens

The machine has an accelerator and the framework does not use it: `torch.cuda.is_available()` is False, or ONNX
Runtime lists only the CPU provider. Programs that insist stop with an error; others run on the CPU, many times
slower.

## Why

The wheel is a CPU build. It comes from the CPU index (`+cpu`), from PyPI on a platform whose default wheel is
CPU-only (Windows, and aarch64 for a long time), or is the plain `onnxruntime` package that another package pulled
in. TensorFlow has had no GPU support on native Windows since 2.11.

## How to end it

Replace the wheel by one built for the accelerator. For ONNX Runtime remove the CPU package first: two variants in
one environment hide each other, see `conflicting-package-variants`.

## How to prevent it

Pin the wheel's index or its local version (`torch==2.8.0+cu128`), not only the release.

## Example

```
  File "/opt/venv/lib/python3.11/site-packages/torch/cuda/__init__.py", line 310, in _lazy_init
    raise AssertionError("Torch not compiled with CUDA enabled")
AssertionError: Torch not compiled with CUDA enabled
```

## References

- https://github.com/pytorch/pytorch/issues/160162
- https://onnxruntime.ai/docs/install/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.causes.wheels import install, torch_wheel
from airworthy.core.facts import Facts, Known, Unknown
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import FRAMEWORKS, NVIDIA_DEVICES, NVIDIA_DRIVER, OS_KERNEL, PCI_DEVICES, PLAN_ACCELERATOR
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="cpu-only-build",
    severity=Severity.ERROR,
    needs=(FRAMEWORKS,),
    uses=(NVIDIA_DEVICES, NVIDIA_DRIVER, PCI_DEVICES, OS_KERNEL, PLAN_ACCELERATOR),
    message="{framework} {version} is a CPU-only build, so it will not use {device}",
    signatures=(
        Signature("Torch not compiled with CUDA enabled"),
        Signature(
            "is not in available provider names",
            r"Specified provider '(?P<provider>CUDA|ROCM|MIGraphX|CANN|Dml|OpenVINO)ExecutionProvider' is not in",
            message="the installed ONNX Runtime was built without the {provider} provider",
        ),
        Signature("The library is compiled without CUDA support"),
        Signature("llama.cpp was compiled without GPU support"),
        Signature("not compiled with GPU offload support"),
        Signature(
            "not compiled with",
            r"(?P<program>CTranslate2|XGBoost|LightGBM|OpenCV|Faiss)\b[\w .]{0,40} not compiled with (?:CUDA|GPU|ROCm)",
            weight=0.9,
            message="{program} was built without accelerator support",
        ),
        Signature("CUDAExecutionProvider not available", weight=0.6),
    ),
    related=("gpu-not-visible", "conflicting-package-variants", "execution-provider-fallback", "quant-backend-missing"),
)

_ACCELERATED = frozenset({"onnxruntime", "tensorflow", "tensorflow-cpu", "torch"})
_MAKERS = frozenset({"10de", "1002", "19e5", "cabc", "1ed5", "1e3e", "1d94", "9999"})
_COMPUTE = ("0302", "1200")
"""PCI classes of what is there to compute and nothing else: 3D controllers and processing accelerators."""
_SEEN = (NVIDIA_DEVICES, PCI_DEVICES, PLAN_ACCELERATOR)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A CPU build matters only where there is something better to run on."""
    builds = facts.value(FRAMEWORKS)
    slow = [b for b in builds if b.accelerator == "cpu" and b.name in _ACCELERATED]
    if not slow:
        return
    device = _device(facts)
    if device is None:
        return
    fast = {b.name.removesuffix("-gpu") for b in builds if b.accelerator not in {"cpu", ""}}
    for build in slow:
        if build.name in fast:
            continue  # both variants are installed: another cause
        yield CAUSE.finding(
            facts,
            build.name,
            evidence=(FRAMEWORKS, next(k for k in _SEEN if isinstance(facts.fact(k), Known))),
            # It will run. Beside a framework that does use the device, it may well be meant so.
            severity=_severity(facts, fast=bool(fast)),
            framework=build.name,
            version=build.version.text,
            device=device,
        )


def _severity(facts: Facts, *, fast: bool) -> Severity:
    if isinstance(facts.fact(PLAN_ACCELERATOR), Known):
        return Severity.ERROR  # that it runs on the device is what was asked
    return Severity.INFO if fast else Severity.WARNING


def _device(facts: Facts) -> str | None:
    devices = facts.get_value(NVIDIA_DEVICES, ())
    if devices:
        return devices[0].name
    for each in facts.get_value(PCI_DEVICES, ()):
        if each.vendor in _MAKERS and each.kind.startswith(_COMPUTE):
            return say("the accelerator at PCI {address}", address=each.address)
    planned = facts.get_value(PLAN_ACCELERATOR, "")
    if planned not in {"", "cpu"}:
        return say("the accelerator")
    for key in (NVIDIA_DEVICES, PCI_DEVICES):
        fact = facts.fact(key)
        if isinstance(fact, Unknown):
            raise Undecidable("{fact} is unknown: {reason}", fact=key.name, reason=fact.reason)
    return None


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The same framework, built for the accelerator."""
    framework = str(params.get("framework") or ("onnxruntime" if "provider" in params else ""))
    if framework == "onnxruntime":
        yield Remedy(
            why=say("Replace the CPU package by the GPU one; the two must not be installed side by side."),
            commands=(
                python(facts, "-m", "pip", "uninstall", "-y", "onnxruntime"),
                pip_install(facts, "onnxruntime-gpu"),
            ),
        )
    elif framework.startswith("tensorflow"):
        yield Remedy(
            why=say("Install TensorFlow with the CUDA libraries that it was built for (Linux only)."),
            commands=(pip_install(facts, "--upgrade", "tensorflow[and-cuda]"),),
        )
    elif framework == "torch" and (wheel := torch_wheel(facts)) is not None:
        yield install(wheel, facts)
    elif framework == "torch":
        yield Remedy(
            why=say("Install PyTorch from the index that https://pytorch.org/get-started or the device's maker names.")
        )
    else:
        yield Remedy(why=say("Install a build with support for the accelerator, from the index that its makers name."))
