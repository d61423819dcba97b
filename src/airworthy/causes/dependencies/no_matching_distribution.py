"""No wheel or release for this Python version, platform or index.

## What happens

The installer finds the name and nothing to install: `No matching distribution found`, `has no wheels with a matching
Python ABI tag`, `PackagesNotFoundError`. Often the list of versions is shown, and the one that was requested is not
in it.

## Why

A wheel is made for one version of Python, one platform and one processor, and an index holds only what was uploaded to
it. A new Python has no wheels for months; a framework's own index holds CUDA builds that the public one does not
have, and lacks everything else; packages for NVIDIA GPUs are rarely built for ARM; old systems are below the glibc
that a `manylinux` tag asks for. Some projects publish no source to build from.

## How to end it

Ask for a version that exists for this Python and platform, or use the Python that the package supports. Where the
release is on another index, name that one **in addition** to the public one.

## How to prevent it

Pin the Python version of an environment together with its packages, and resolve for the platform that will run it.

## Example

```
ERROR: Could not find a version that satisfies the requirement torch==2.0.1 (from versions: 2.2.0, 2.2.1, 2.2.2, 2.3.0)
ERROR: No matching distribution found for torch==2.0.1
```

## References

- https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
- https://github.com/astral-sh/uv/issues/2777
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import PYTHON_VERSION
from airworthy.core.messages import say

CAUSE = Cause(
    slug="no-matching-distribution",
    severity=Severity.ERROR,
    uses=(PYTHON_VERSION,),
    message="there is no {requirement} for this Python and platform on this index",
    unpredictable="what an index holds is known only by asking it; what is planned (`--given`) is checked with tables",
    signatures=(
        Signature("PackagesNotFoundError: The following packages are not available"),
        Signature("ResolvePackageNotFound"),
        Signature("nothing provides requested", r"nothing provides requested (?P<requirement>\S{1,80})", weight=0.95),
        Signature(
            "Unable to find installation candidates for", r"candidates for (?P<requirement>[^\n]{1,80})", weight=0.95
        ),
        Signature(
            "no wheels with a matching",
            r"(?P<requirement>[\w.+!=<>~\[\]-]{1,100}) has no wheels with a matching",
            weight=0.95,
        ),
        Signature("no wheels are available", weight=0.95),
        Signature("which does not exist (perhaps", weight=0.97),
        Signature(
            "has no usable wheels", r"(?P<requirement>[\w.+!=<>~\[\]-]{1,100}) has no usable wheels", weight=0.95
        ),
        Signature("was not found in the package registry", weight=0.95),
        Signature("doesn't have a source distribution or wheel for the current platform", weight=0.95),
        Signature("is not compatible with the current platform", weight=0.8),
        Signature("there is no version of", r"there (?:is|are) no versions? of (?P<requirement>\S{1,100})", weight=0.9),
        Signature("nothing provides", r"nothing provides (?P<requirement>\S{1,80}).{0,80} needed by", weight=0.88),
        Signature(
            "Could not find a version that satisfies the requirement",
            r"satisfies the requirement (?P<requirement>[^\s;(]{1,120})",
            weight=0.85,
        ),
        Signature("No matching distribution found for", r"found for (?P<requirement>[^\s;(]{1,120})", weight=0.85),
        Signature("no versions of", r"Because no versions of (?P<requirement>[\w.-]{1,80}) match", weight=0.7),
        Signature(
            "is not a supported wheel on this platform",
            r"(?P<requirement>[\w.+-]{1,200})\.whl is not a supported wheel on this platform",
            weight=0.6,
        ),
    ),
    related=("python-version-unsupported", "package-index-unreachable", "resolution-impossible", "wrong-architecture"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See what there is, then ask for that."""
    requirement = str(params.get("requirement", ""))
    name = requirement.partition("=")[0].partition("<")[0].partition(">")[0].partition("[")[0].strip("~! ")
    if name:
        yield Remedy(
            why=say("List the versions that the index has for this Python and platform."),
            commands=(python(facts, "-m", "pip", "index", "versions", name),),
            safe=True,
        )
    version = facts.get_value(PYTHON_VERSION, None)
    yield Remedy(
        why=say(
            "Make an environment with a Python that the package has wheels for; this one is {version}.", version=version
        )
        if version is not None
        else say("Make an environment with a Python that the package has wheels for."),
    )
    if "+" in requirement or name in {"torch", "torchvision", "torchaudio"}:
        yield Remedy(
            why=say("PyTorch's own builds are on its own index; name it beside the public one."),
            commands=(pip_install(facts, requirement, "--extra-index-url", "https://download.pytorch.org/whl/cu128"),),
        )
