"""cuDNN is of another version than the one compiled against, or its parts disagree.

## What happens

The framework imports, and stops at its first convolution or attention: `cuDNN version incompatibility`,
`CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH`, `Loaded runtime CuDNN library ... but source was compiled with ...`.

## Why

cuDNN is found, but not the one that the build wants. It must be of the same major version, and of the minor version
compiled against or a newer one. Since version 8 it also comes in parts (`libcudnn_ops`, `libcudnn_cnn`, …), which
must all be of one version: a copy on `LD_LIBRARY_PATH`, in `/usr/lib`, or of another package that pinned its own
`nvidia-cudnn`, is mixed with the packaged one.

## How to end it

Install the version that the framework pins, and take other copies off the loader's path.

## How to prevent it

Let one package decide on cuDNN in an environment, keep `LD_LIBRARY_PATH` free of CUDA directories where frameworks
come as wheels, and run `pip check` after each installation.

## Example

```
RuntimeError: cuDNN version incompatibility: PyTorch was compiled  against (8, 7, 0) but found runtime version
(8, 2, 4). PyTorch already comes bundled with cuDNN. One option to resolving this error is to ensure PyTorch can
find the bundled cuDNN.
```

## References

- https://docs.nvidia.com/deeplearning/cudnn/backend/latest/developer/forward-compatibility.html
- https://github.com/pytorch/pytorch/pull/81881
- https://github.com/tensorflow/tensorflow/issues/60913
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.requirements import named, pins
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, FRAMEWORKS, LIBRARIES, Key
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

_NUMBERS = r"\d[\d., ]{0,12}\d"
_VERSIONS = rf"\(?(?P<compiled>{_NUMBERS})\)? but (?:found runtime version|linked against) \(?(?P<found>{_NUMBERS})\)?"
_TWO = "the program was compiled against cuDNN {compiled} and got {found}"

CAUSE = Cause(
    slug="cudnn-mismatch",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS,),
    uses=(FRAMEWORKS, LIBRARIES),
    message="{framework} was compiled against cuDNN {compiled}, and {found} is installed",
    signatures=(
        Signature("CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"),
        Signature("CUDNN_STATUS_VERSION_MISMATCH"),
        Signature("cuDNN version incompatibility", r"compiled\s+against " + _VERSIONS, message=_TWO),
        Signature("cuDNN version mismatch", r"compiled\s+against " + _VERSIONS, message=_TWO),
        Signature("cuDNN version incompatibility"),
        Signature("cuDNN version mismatch"),
        Signature(
            "Loaded runtime CuDNN library",
            r"library: (?P<found>\d[\d.]{0,14}\d).{0,40}compiled with: (?P<compiled>\d[\d.]{0,14}\d)",
            message=_TWO,
        ),
        Signature("Loaded runtime CuDNN library", r"but source was compiled with"),
        Signature("undefined symbol: cudnn"),
        Signature(
            "libcudnn",
            r"symbol:? (?P<symbol>\w+),? version (?P<library>libcudnn\S+?)(?: not defined| undefined|\s*$)",
            message="{library} lacks {symbol}: the parts of cuDNN are of different versions",
        ),
        Signature("Could not load symbol cudnn", weight=0.95),
        Signature("CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED", weight=0.9),
        Signature(
            "was linked against cuDNN",
            r"linked against cuDNN (?P<compiled>[\d.]{1,12}\d) but loaded cuDNN (?P<found>[\d.]{1,12}\d)",
            weight=0.85,
            message=_TWO,
        ),
        Signature("Cannot load symbol cudnn", weight=0.7),
    ),
    related=("cuda-library-missing", "loader-path-shadowing", "cuda-symbol-mismatch", "cublas-failure"),
)

_PREFIX = "nvidia-cudnn-cu"


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare the installed packages of cuDNN with what frameworks pin or were compiled against."""
    distributions = facts.value(DISTRIBUTIONS)
    installed = {each.name: each.version for each in distributions if each.name.startswith(_PREFIX)}
    torch = named(distributions, "torch")
    pinned = pins(torch) if torch else {}
    for name, found in sorted(installed.items()):
        if name in pinned:
            yield from _judge(facts, "torch", pinned[name], found, name, DISTRIBUTIONS)
    for build in facts.get_value(FRAMEWORKS, ()):
        if build.cudnn is not None and build.name != "torch":
            for name, found in sorted(installed.items()):
                yield from _judge(facts, build.name, build.cudnn, found, name, FRAMEWORKS)


def _judge(
    facts: Facts, framework: str, compiled: Version, found: Version, package: str, key: Key[Any]
) -> Iterator[Finding]:
    # The package's fourth number is a build of the same library.
    if found.numbers[:3] == compiled.numbers[:3]:
        return
    older = (found.major, found.minor) < (compiled.major, compiled.minor)
    if found.major == compiled.major and not older:
        return  # the same minor version or a newer one is what cuDNN asks for
    yield CAUSE.finding(
        facts,
        package,
        evidence=(DISTRIBUTIONS,) if key is DISTRIBUTIONS else (key, DISTRIBUTIONS),
        framework=framework,
        compiled=compiled.text,
        found=found.text,
        package=package,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The version that is wanted; then no other copy in front of it."""
    package, compiled = str(params.get("package", "")), str(params.get("compiled", ""))
    if package and compiled:
        parts = compiled.split(".")
        wanted = f"=={compiled}" if len(parts) > 3 else f"=={'.'.join(parts[:2])}.*"
        yield Remedy(
            why=say("Install the cuDNN that {framework} was compiled against.", framework=params["framework"]),
            commands=(pip_install(facts, package + wanted),),
        )
    yield Remedy(
        why=say("Show every copy of cuDNN that the loader could take; only one version may be among them."),
        commands=("ldconfig -p | grep cudnn", "echo $LD_LIBRARY_PATH", "pip list | grep -i cudnn"),
        safe=True,
    )
    yield Remedy(
        why=say("For this program, let the packaged copy be found first."),
        commands=("unset LD_LIBRARY_PATH",),
        safe=True,
    )
