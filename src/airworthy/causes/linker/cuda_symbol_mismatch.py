"""Two versions of CUDA's libraries are mixed in one process.

## What happens

`import torch` stops with an undefined symbol in one of CUDA's own libraries: `libcusparse.so.12: undefined symbol:
__nvJitLinkComplete_12_4`, `libcublas.so.11: undefined symbol: cublasLtGetStatusString`, `libtorch_cuda.so: undefined
symbol: ncclCommRegister`.

## Why

CUDA's libraries call each other and must be of one toolkit: cuSPARSE calls nvJitLink, cuBLAS calls cuBLASLt. The wheel
brought one of them, and its neighbour came from elsewhere: from a toolkit on `LD_LIBRARY_PATH`, from a conda
environment, from a distribution's NCCL, or from a package that pinned another version. Names such as
`libnvJitLink.so.12` are the same for all of CUDA 12, so the loader cannot distinguish them.

## How to end it

Take the other toolkit off `LD_LIBRARY_PATH`; wheels do not need it. Where two packages pin different versions, install
the ones that the framework pins.

## How to prevent it

Do not set `LD_LIBRARY_PATH` for all programs of a machine; keep CUDA's packages in the lock with the framework.

## Example

```
ImportError: /opt/venv/lib/python3.10/site-packages/torch/lib/../../nvidia/cusparse/lib/libcusparse.so.12: undefined
symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12
```

## References

- https://github.com/pytorch/pytorch/issues/134929
- https://github.com/pytorch/pytorch/issues/131312
- https://github.com/pytorch/pytorch/pull/174320
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.requirements import named, pins
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, FRAMEWORKS, LOADER_SHADOWED
from airworthy.core.messages import say
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

_OWN = r"lib(?:cu(?:blas|sparse|solver|fft|rand|dart|file|pti)\w*|nvJitLink|nvrtc|nccl|npp\w{1,5}|nvshmem\w*)"
_CALLED = r"(?:__)?(?:nvJitLink|nvrtc|nccl|cublas|cusparse|cusolver|cufft|curand|cuda|cupti|nvshmem)[A-Z_]\w*"

CAUSE = Cause(
    slug="cuda-symbol-mismatch",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS,),
    uses=(FRAMEWORKS, LOADER_SHADOWED),
    message="{package} is {found}, and {framework} goes with {wanted}: their libraries call each other",
    signatures=(
        Signature(
            "undefined symbol: ",
            rf"(?P<binary>{_OWN}\.so[\w.]{{0,20}}): undefined symbol: (?P<symbol>\w+)",
            message="{binary} does not find {symbol}: CUDA's libraries are of different versions",
        ),
        Signature(
            "undefined symbol: ",
            rf"undefined symbol: (?P<symbol>{_CALLED})",
            message="{symbol} is not found: CUDA's libraries are of different versions",
        ),
        Signature(
            "with link time reference",
            rf"symbol (?P<symbol>\w+),? version (?P<library>{_OWN}\.so[\w.]{{0,20}}) not defined in file",
            message="{library} lacks {symbol}: CUDA's libraries are of different versions",
        ),
        Signature(
            "undefined symbol: ",
            rf"undefined symbol: (?P<symbol>\w+),? version (?P<library>{_OWN}\.so[\w.]{{0,20}})",
            message="{library} lacks {symbol}: CUDA's libraries are of different versions",
        ),
        Signature("cublasLt", r"symbol:? cublasLt\w+,? version libcublasLt"),
    ),
    related=("loader-path-shadowing", "cudnn-mismatch", "extension-abi-mismatch", "cuda-library-missing"),
)

_JOINED = {
    "nvjitlink": "libnvJitLink",
    "cublas": "libcublasLt",
    "cusparse": "libcusparse",
    "nccl": "libnccl",
}
"""Parts of a package's name, and the library in it that other libraries of CUDA call."""
_PACKAGE = re.compile(r"nvidia-(\w+)-cu\d{2}")
_FILE = re.compile(r"\.so\.(\d+\.\d+(?:\.\d+){0,2})$")


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A library older than the one that its callers were made for: by package, then by what the loader takes."""
    distributions = facts.value(DISTRIBUTIONS)
    torch = named(distributions, "torch")
    pinned = pins(torch) if torch else {}
    cuda = next((b.runtime for b in facts.get_value(FRAMEWORKS, ()) if b.name == "torch" and b.runtime), None)
    for each in distributions:
        match = _PACKAGE.fullmatch(each.name)
        if match is None or match[1] not in _JOINED:
            continue
        wanted = pinned.get(each.name)
        if wanted is None and match[1] == "nvjitlink" and cuda is not None:
            wanted = cuda  # its packages bear the toolkit's version
        if wanted is not None and _release(each.version) < _release(wanted):
            yield CAUSE.finding(
                facts,
                each.name,
                evidence=(DISTRIBUTIONS,),
                package=each.name,
                found=each.version.text,
                framework="torch",
                wanted=wanted.text,
            )
    yield from _shadowed(facts, distributions)


def _shadowed(facts: Facts, distributions: tuple[Distribution, ...]) -> Iterator[Finding]:
    for shadow in facts.get_value(LOADER_SHADOWED, ()):
        match, meant = _FILE.search(shadow.used), named(distributions, shadow.meant_by)
        if not match or meant is None or not shadow.soname.startswith(tuple(_JOINED.values())):
            continue
        used = Version(match[1])
        # A newer copy has all that an older one has; cuBLAS and nvJitLink number their files by toolkit.
        if _release(used) < _release(meant.version):
            yield CAUSE.finding(
                facts,
                shadow.soname,
                evidence=(LOADER_SHADOWED, DISTRIBUTIONS),
                confidence=Confidence.MEDIUM,
                message="{found} hides the {wanted} of {package}, which {framework} was installed with",
                package=shadow.meant_by,
                found=shadow.used,
                framework=shadow.distribution,
                wanted=meant.version.text,
                shadow=True,
            )


def _release(version: Version) -> tuple[int, int]:
    return version.major, version.minor


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The variable first, then the package."""
    if params.get("package") and not params.get("shadow"):
        wanted = str(params["wanted"])
        pin = f"=={wanted}" if wanted.count(".") > 1 else f"=={wanted}.*"
        yield Remedy(
            why=say("Install the version that goes with the framework."),
            commands=(pip_install(facts, f"{params['package']}{pin}"),),
        )
    yield Remedy(
        why=say("Take other copies of CUDA's libraries off the loader's path; wheels bring their own."),
        commands=("echo $LD_LIBRARY_PATH", "unset LD_LIBRARY_PATH"),
        safe=True,
    )
    yield Remedy(
        why=say("Where the variable must stay for other programs, put the packaged copy in front for this one."),
        commands=(
            "LIB=$(python -c 'import nvidia.nvjitlink as m; print(list(m.__path__)[0])')/lib",
            'export LD_LIBRARY_PATH="$LIB:$LD_LIBRARY_PATH"',
        ),
        safe=True,
    )
