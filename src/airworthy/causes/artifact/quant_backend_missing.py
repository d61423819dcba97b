"""The quantisation library is missing, lacks GPU support, or has no kernel for these weights.

## What happens

The weights are quantised, and the loader asks for a helper: `Loading an AWQ quantized model requires auto-awq
library`, `The installed version of bitsandbytes was compiled without GPU support`, `The quantization method fp8 is
not supported for the current GPU. Minimum capability: 90`.

## Why

Each method stores weights in a packing of its own, and only that method's kernels read it. They come as a separate
package (`bitsandbytes`, `gptqmodel`, `autoawq`, `compressed-tensors`…), compiled for certain GPUs and one release
of the framework. Without kernels for this GPU, or without any GPU, there is nothing that reads the weights. Servers
such as vLLM bring kernels of their own for the common methods, each with a least GPU.

## How to end it

Install the package that the method needs, in a build for this framework. Where the GPU is below the method's floor,
take the model in another quantisation, or unquantised.

## How to prevent it

Choose the quantisation for the GPU that will serve it, not for the one that made it.

## Example

```
ImportError: Loading an AWQ quantized model requires auto-awq library (`pip install autoawq`)
```

## References

- https://huggingface.co/docs/transformers/quantization/overview
- https://docs.vllm.ai/en/latest/features/quantization/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.artifact.architecture_unknown import CODE_FORMATS
from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, MODEL_CONFIGURATION, MODEL_ENTRY_FORMAT, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_MODULES = (
    r"bitsandbytes|auto_gptq|gptqmodel|gptq\w*|awq\w*|exllama\w*|hqq|aqlm|eetq|optimum\.gptq|optimum\.quanto|"
    r"quanto|compressed_tensors"
    r"|torchao|auto_round|quark|marlin\w*|fbgemm_gpu|vptq|flute|llmcompressor"
)

CAUSE = Cause(
    slug="quant-backend-missing",
    severity=Severity.ERROR,
    needs=(MODEL_CONFIGURATION,),
    uses=(MODEL_ENTRY_FORMAT, DISTRIBUTIONS, MODEL_PATH),
    message="the weights are quantised with {method}, and none of {packages} is installed to read them",
    signatures=(
        Signature("quantized model requires", r"Loading (?:an? )?(?P<method>[\w-]{1,40}) quantized model requires"),
        Signature("compiled without GPU support", r"bitsandbytes was compiled without GPU support"),
        Signature("kernels could not be loaded", r"(?P<method>\w{1,40}) kernels could not be loaded"),
        Signature(
            "is not supported for the current GPU",
            r"quantization method (?P<method>[\w-]{1,40}) is not supported for the current GPU",
            message="this GPU has no kernel for weights quantised with {method}",
        ),
        Signature(
            " requires", r"Using `?(?P<method>[\w-]{1,40})`?(?: [48]-bit| fp8)? quantiz(?:ation|ed models) requires"
        ),
        Signature(
            "is required to run", r"GPU is required to (?:quantize or )?run (?P<method>\w{1,20})? ?quantized? model"
        ),
        Signature("GPU is needed for", r"A GPU (?:or XPU )?is needed for .{0,20}quantization"),
        Signature("quantized models is only supported on GPUs"),
        Signature("CUDA Setup failed despite"),
        Signature("Could not find the bitsandbytes CUDA binary"),
        Signature("Required library version not found: libbitsandbytes"),
        Signature("libbitsandbytes_cpu", r"libbitsandbytes_cpu\.so: undefined symbol"),
        Signature("cget_col_row_stats"),
        Signature("requires the latest version of bitsandbytes"),
        Signature("to use bitsandbytes quantizer"),
        Signature("Unknown quantization method", r"Unknown quantization method:? '?(?P<method>[\w-]{1,40})"),
        Signature(
            "quantization is currently not supported",
            r"(?P<method>[\w-]{1,40}) quantization is currently not supported",
        ),
        Signature("Failed to find a kernel that can implement"),
        Signature("could not import the C++/CUDA dependencies"),
        Signature("kernels package is required for", r"required for (?P<method>\w{1,20}) quantization"),
        Signature("No module named '", rf"No module named '(?P<module>{_MODULES})(?:\.[\w.]+)?'", weight=0.95),
        Signature("invalid ggml type", weight=0.95),
        Signature("CUDA SETUP: Setup Failed", weight=0.95),
        Signature("A valid HQQ version", weight=0.95),
        Signature("backend requires all the modules to be on GPU", weight=0.9),
        Signature("Unknown quantization", weight=0.85),
        Signature("does not match the quantization method specified in the", weight=0.85),
        Signature("kernels not installed", r"exllama\w*_kernels not installed", weight=0.8),
        Signature(
            "is not defined",
            r"NameError: name '(?:autogptq_cuda\w*|exl\w*_kernels?|awq_ext|gptq_\w+|bnb|marlin_cuda)' is not defined",
            weight=0.92,
        ),
        Signature(
            "quantization kernel",
            r"(?i)(?:cannot|could not|failed to) (?:find|load|import) (?:\w+ )?quantization kernel",
            weight=0.92,
        ),
        Signature("CUDA extension not installed", weight=0.75),
    ),
    related=("package-missing", "dtype-unsupported", "keys-mismatch", "cpu-only-build"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The method in the configuration against what is installed."""
    method = facts.value(MODEL_CONFIGURATION).quantization
    if not method or facts.get_value(MODEL_ENTRY_FORMAT, "") not in CODE_FORMATS:
        return
    fact = facts.fact(DISTRIBUTIONS)
    if isinstance(fact, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=DISTRIBUTIONS.name, reason=fact.reason)
    installed = {each.name for each in facts.get_value(DISTRIBUTIONS, ())}
    needed = known.quantisation(method)
    if needed is None and "transformers" in installed:
        raise Undecidable("which package reads weights quantised with {method} is not in the tables", method=method)
    if needed is None or "transformers" not in installed or installed & {*needed.packages, *needed.engines}:
        return
    yield CAUSE.finding(
        facts,
        facts.get_value(MODEL_PATH, method),
        evidence=(MODEL_CONFIGURATION, DISTRIBUTIONS),
        confidence=Confidence.MEDIUM,
        method=method,
        packages=needed.packages,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """What reads it, or weights that need nothing."""
    method = str(params.get("method", "")).lower()
    needed = Knowledge().quantisation(method) if method else None
    if needed is not None:
        yield Remedy(
            why=say("Install what reads weights quantised with {method}.", method=method),
            commands=(pip_install(facts, *needed.install),),
        )
    else:
        yield Remedy(
            why=say(
                "Install the package that the message names, in a build for this PyTorch and CUDA; for bitsandbytes:"
            ),
            commands=(pip_install(facts, "--upgrade", "bitsandbytes"),),
        )
    yield Remedy(
        why=say("Where this GPU has no kernel for it: take the model in another quantisation, or unquantised.")
    )
