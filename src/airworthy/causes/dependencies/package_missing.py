"""A package that is needed at run time is not installed.

## What happens

The program starts and stops at an import: `ModuleNotFoundError: No module named 'torch'`; or a library says which of
its optional partners it misses.

## Why

The service runs in another environment than the one that was tested: another interpreter, a worker's own virtual
environment, an image without the package. Or the package is optional for the library, and this use needs it. The
name that is imported is not always the name that is installed: `cv2` is in `opencv-python`, `PIL` in `pillow`.

## How to end it

Install it into the environment that the failing interpreter uses; the first lines of the traceback show which one
that is.

## How to prevent it

Build the environment from the same lock everywhere, and name what is needed at run time in the requirements, extras
included.

## Example

```
[INFO] Using worker: sync
[ERROR] Exception in worker process
ModuleNotFoundError: No module named 'torch'
```

## References

- https://docs.python.org/3/library/exceptions.html#ModuleNotFoundError
- https://packaging.python.org/en/latest/discussions/distribution-package-vs-import-package/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.requirements import needs
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, OS_KERNEL, PYTHON_VERSION
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="package-missing",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS, PYTHON_VERSION),
    uses=(OS_KERNEL, CPU_ARCHITECTURE),
    message="{by} needs {requirement}, which is not installed",
    signatures=(
        Signature(
            "requires the following packages that were not found in your environment",
            r"in your environment: (?P<module>[\w.-]{0,80}\w)",
            message="{module} is not installed",
        ),
        Signature(
            "No package metadata was found for",
            r"found for (?P<module>[\w.-]{1,80})",
            message="{module} is not installed",
        ),
        Signature(
            "distribution was not found and is required by",
            r"The '(?P<module>[^'\n]{1,80})' distribution was not found",
            message="{module} is not installed",
        ),
        Signature(
            "Could not import ",
            r"Could not import (?P<module>[\w.-]{1,80}) python package",
            message="{module} is not installed",
        ),
        Signature("requires Accelerate", r"requires Accelerate\b(?!.{0,80}quanti)", weight=0.9),
        Signature(
            "library but it was not found in your environment",
            r"requires the (?P<module>[\w. -]{1,60}) library but it was not found",
            weight=0.9,
            message="{module} is not installed",
        ),
        Signature(
            "PackageNotFoundError: ",
            r"PackageNotFoundError: (?P<module>[\w.-]{1,80})\s*$",
            weight=0.9,
            message="{module} is not installed",
        ),
        Signature(
            "No module named",
            r"No module named '?(?P<module>[A-Za-z_][\w.]{0,100})'?",
            weight=0.85,
            message="there is no module {module} in this environment",
        ),
        Signature(
            "Missing optional dependency '",
            r"dependency '(?P<module>[\w.-]{1,60})'",
            message="{module} is not installed",
        ),
        Signature(
            "to be installed",
            r"requires [`'\"]?(?P<module>[\w.-]{1,60})[`'\"]? to be installed",
            weight=0.85,
            message="{module} is not installed",
        ),
        Signature("invalid or not found", r"class uri '?[\w.:]{1,100}'? invalid or not found", weight=0.8),
        Signature("ImportError: ", r"ImportError: .{0,300}\bpip install [^\n]{1,80}", weight=0.75),
        Signature(
            " is not installed",
            r"(?:ImportError|RuntimeError|ValueError|OSError): .{1,160} is not installed",
            weight=0.7,
        ),
    ),
    blind_spot="facts cover the requirements that packages declare, and not every import",
    related=("api-removed", "tokenizer-broken", "quant-backend-missing", "extension-abi-mismatch"),
)

_TOLD_BY_OTHERS = ("nvidia-",)
"""Packages of libraries only: whether the loader finds those is reported by what it does not find."""
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "multipart": "python-multipart",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Modules whose distribution has another name."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What installed packages require without any condition, and what is not there under any name."""
    installed = {each.name for each in facts.value(DISTRIBUTIONS)}
    missing: dict[str, list[str]] = {}
    wanted: dict[str, str] = {}
    for need in needs(facts):
        if need.name in installed or need.name.startswith(_TOLD_BY_OTHERS):
            continue
        if installed & set(known.same_module_distributions(need.name)):
            continue  # another build of the same library
        missing.setdefault(need.name, []).append(need.by.name)
        wanted.setdefault(need.name, need.text)
    for name, users in sorted(missing.items()):
        yield CAUSE.finding(
            facts,
            name,
            evidence=(DISTRIBUTIONS,),
            # It was installed without its requirements on purpose, or it is damaged; only an import would show.
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
            by=tuple(dict.fromkeys(users)),
            requirement=wanted[name],
            name=name,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Install it where the failing interpreter looks."""
    module = str(params.get("module", ""))
    package = str(params.get("requirement", "")) or _package(module)
    if package:
        yield Remedy(
            why=say("Install {package} into this environment.", package=package),
            commands=(pip_install(facts, package),),
        )
    yield Remedy(
        why=say("See which interpreter runs, and which packages it has."),
        commands=(python(facts, "-m", "pip", "--version"), python(facts, "-m", "pip", "list")),
        safe=True,
    )


def _package(module: str) -> str:
    """The distribution that brings a module, as far as its name shows it."""
    if module in _DISTRIBUTIONS:
        return _DISTRIBUTIONS[module]
    top = module.partition(".")[0].strip()
    return _DISTRIBUTIONS.get(top, top.replace("_", "-"))
