"""The toolkit that builds an extension differs from the CUDA that the framework was built with.

## What happens

Building an extension stops: `The detected CUDA version (12.2) mismatches the version that was used to compile
PyTorch (11.3)`. DeepSpeed says so on first use, because it compiles then. Packages that were compiled for another
CUDA than PyTorch's say it on import.

## Why

An extension is linked into one process with the framework, so both must speak to the same CUDA runtime. PyTorch's
wheel brings its own, of the version in its tag (`cu118`); the extension is compiled by the nvcc of the host, which
is of whatever version was installed there. Within one major version they get along; across majors they do not.

## How to end it

Install the framework built for the toolkit's CUDA, or a toolkit of the framework's and point `CUDA_HOME` at it.

## How to prevent it

Take framework and extensions as wheels from one source; build in an image whose toolkit has the framework's
version.

## Example

```
    RuntimeError:
    The detected CUDA version (12.2) mismatches the version that was used to compile
    PyTorch (11.3). Please make sure to use the same CUDA versions.
```

## References

- https://docs.pytorch.org/docs/stable/cpp_extension.html
- https://www.deepspeed.ai/tutorials/advanced-install/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import CUDA_TOOLKIT, DISTRIBUTIONS, FRAMEWORKS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="cuda-toolkit-torch-mismatch",
    severity=Severity.ERROR,
    needs=(FRAMEWORKS, DISTRIBUTIONS, CUDA_TOOLKIT),
    message="{package} compiles with CUDA {toolkit}, and torch {version} was built with CUDA {cuda}",
    signatures=(
        Signature(
            "mismatches the version that was used to compile",
            r"detected CUDA version \('?(?P<toolkit>\d[\d.]{0,10})'?\) mismatches",
            message="the toolkit here is CUDA {toolkit}, and PyTorch was built with another",
        ),
        Signature(
            "does not match the version torch was compiled with",
            r"CUDA version (?P<toolkit>\d[\d.]{0,10}) does not match the version torch was compiled with "
            r"(?P<cuda>\d[\d.]{0,10}\d)",
            message="the toolkit here is CUDA {toolkit}, and PyTorch was built with {cuda}",
        ),
        Signature("CUDAMismatchException"),
        Signature("does not match the version used to compile Pytorch binaries"),
        Signature("were compiled with different CUDA"),
        Signature(
            "is only supported on CUDA", r"only supported on CUDA (?P<needed>\d[\d.]{0,6}) and above", weight=0.8
        ),
        Signature("Unsupported gpu architecture", r"nvcc fatal\s*: Unsupported gpu architecture", weight=0.7),
    ),
    related=("build-toolchain-missing", "extension-abi-mismatch", "cuda-symbol-mismatch"),
)

_COMPILE_ON_USE = ("deepspeed", "colossalai")
"""Packages that compile extensions when they are first used; of others it is not known whether they will be built."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The toolkit against PyTorch's CUDA, where something compiles on use."""
    toolkit = facts.value(CUDA_TOOLKIT)
    torch = next((build for build in facts.value(FRAMEWORKS) if build.name == "torch"), None)
    if torch is None or torch.accelerator != "cuda" or torch.runtime is None or torch.runtime.major == toolkit.major:
        return
    for package in facts.value(DISTRIBUTIONS):
        if package.name in _COMPILE_ON_USE:
            yield CAUSE.finding(
                facts,
                package.name,
                evidence=(CUDA_TOOLKIT, FRAMEWORKS),
                # Many of its parts are used by few; what is not used is not compiled.
                severity=Severity.WARNING,
                package=package.name,
                toolkit=toolkit.text,
                version=torch.version.text,
                cuda=torch.runtime.text,
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """One CUDA for both."""
    toolkit, cuda = params.get("toolkit"), params.get("cuda")
    if toolkit:
        tag = "cu" + "".join(str(toolkit).split(".")[:2])
        yield Remedy(
            why=say(
                "Install PyTorch built with the toolkit's CUDA {toolkit}, where there is such a build.", toolkit=toolkit
            ),
            commands=(pip_install(facts, "torch", "--index-url", f"https://download.pytorch.org/whl/{tag}"),),
        )
    yield Remedy(
        why=say("Install the toolkit of the framework's CUDA {cuda} and point the build at it.", cuda=cuda)
        if cuda
        else say("Install the toolkit of the framework's CUDA version and point the build at it."),
        commands=(f"export CUDA_HOME=/usr/local/cuda-{cuda}" if cuda else "export CUDA_HOME=/usr/local/cuda-VERSION",),
        safe=True,
    )
