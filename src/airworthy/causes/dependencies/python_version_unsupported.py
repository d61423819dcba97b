"""A package requires a different Python.

## What happens

The installer refuses: `Package 'vllm' requires a different Python: 3.12.9 not in '<=3.12,>=3.9'`. Or it passes over
all releases that need another Python, and then says that it found none. Forced past that, the package fails at an
import: a syntax that this Python does not have, a module that it no longer has.

## Why

Packages declare the Python versions that they were made for. Old Pythons are dropped on a schedule, and new ones
take away modules (`distutils`, `imp`) and change the compiled interface. A bound such as `<=3.12` shuts out 3.12.1,
since that is greater than 3.12.

## How to end it

Make an environment with a Python in the range. Changing the package instead means an older release, with all that
this brings.

## How to prevent it

Choose the Python for the slowest package of the stack, and pin it with the rest.

## Example

```
ERROR: Package 'vllm' requires a different Python: 3.12.9 not in '<=3.12,>=3.9'
```

## References

- https://packaging.python.org/en/latest/specifications/core-metadata/#requires-python
- https://scientific-python.org/specs/spec-0000/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature, element
from airworthy.causes.requirements import specifiers, takes
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, PYTHON_VERSION
from airworthy.core.messages import say
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="python-version-unsupported",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS, PYTHON_VERSION),
    message="{package} is made for Python {wanted}, and this is {python}",
    signatures=(
        Signature(
            "requires a different Python:",
            r"Package '(?P<package>[^'\n]{1,100})' requires a different Python: (?P<python>\d\S{0,20}) not in "
            r"'(?P<wanted>[^'\n]{1,60})'",
        ),
        Signature(
            "but the running Python is",
            r"requires Python '?(?P<wanted>[^'\n]{1,60}?)'? but the running Python is (?P<python>\d\S{0,20}\d)",
        ),
        Signature("supported Python range", r"supported Python range .{0,80} is not compatible"),
        Signature(
            "is not allowed by the project", r"Python version \((?P<python>[\d.]+)\) is not allowed by the project"
        ),
        Signature("is incompatible with the project's Python requirement"),
        Signature("with the project's Python requirement", r"incompatible with the project's Python requirement"),
        Signature("has no attribute 'ImpImporter'"),
        Signature(" from 'typing'", r"cannot import name '\w+' from 'typing'", weight=0.95),
        Signature("module 'collections' has no attribute", weight=0.95),
        Signature(
            "does not satisfy Python",
            r"Python version \((?P<python>[^)\n]{1,40})\) does not satisfy Python(?P<wanted>\S{1,40})",
            weight=0.96,
        ),
        Signature("Ignored the following versions that require a different python version", weight=0.9),
        Signature(
            "No module named '",
            r"No module named '(?:distutils|imp|asyncore|asynchat|tomllib|cgi|telnetlib)'",
            weight=0.87,
        ),
        Signature("Python version", r"Python version (?:>=|==|<=?|~=|>) ?[\d.]+ (?:is )?required", weight=0.9),
        Signature("requires Python", r"(?<!ges )requires Python ?(?:>=|<=?|==|~=|version |3\.)", weight=0.75),
        Signature(
            "unsupported operand type(s) for |:",
            r"for \|: '(?:type|_GenericAlias|_UnionGenericAlias|ABCMeta|function)' and",
            weight=0.8,
        ),
        Signature("TypeError: 'type' object is not subscriptable", weight=0.75),
        Signature(
            "only versions ",
            r"Python version (?P<python>\d[\d.]{0,10}); only versions (?P<wanted>\S{1,40}) are supported",
        ),
        Signature("is not supported", r"Python (?P<python>[23]\.\d{1,2}(?:\.\d{1,2})?) is not supported", weight=0.9),
        Signature("No interpreter found for Python", weight=0.85),
    ),
    related=("no-matching-distribution", "extension-abi-mismatch", "api-removed"),
)


_OTHER_BUILD = "{package} was compiled for Python {wanted}, and this is {python}: its modules are not found"


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What each installed package says of Python against the one that is read."""
    python = facts.value(PYTHON_VERSION)
    for package in facts.value(DISTRIBUTIONS):
        built = _built_for(package)
        if built and f"{python.major}.{python.minor}" not in built:
            yield CAUSE.finding(
                facts,
                package.name,
                evidence=(element(facts, DISTRIBUTIONS, package), PYTHON_VERSION),
                message=_OTHER_BUILD,
                package=f"{package.name} {package.version}",
                name=package.name,
                wanted=built,
                python=python.text,
            )
            continue
        if package.requires_python and not takes(package.requires_python, python):
            yield CAUSE.finding(
                facts,
                package.name,
                evidence=(PYTHON_VERSION, DISTRIBUTIONS),
                # Below the range its code can't be read. Above it, it is untested, and often it works.
                severity=Severity.ERROR if _is_below(package.requires_python, python) else Severity.WARNING,
                package=f"{package.name} {package.version}",
                name=package.name,
                wanted=package.requires_python,
                python=python.text,
            )


_TAG = re.compile(r"cp(\d)(\d{1,2})-cp\1\2m?-")
"""A wheel's tag that is for one version of CPython and no other; `abi3` and `none` are for several."""


def _built_for(package: Distribution) -> tuple[str, ...]:
    """The one or few Python versions that a wheel's code is for; none where its tags leave it open."""
    versions = []
    for tag in package.tags:
        match = _TAG.match(tag)
        if match is None:
            return ()
        versions.append(f"{match[1]}.{match[2]}")
    return tuple(dict.fromkeys(versions))


def _is_below(wanted: str, python: Version) -> bool:
    clauses = specifiers(wanted) or ()
    return any(each.operator in {">=", ">", "~="} and Version(each.version) > python for each in clauses)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another Python, or another release of the package."""
    name = str(params.get("name", ""))
    again = Remedy(
        why=say("Let pip choose a release of {name} for this Python.", name=name),
        commands=(pip_install(facts, "--force-reinstall", "--no-cache-dir", name),),
    )
    if isinstance(params.get("wanted"), tuple):
        yield again  # the package supports this Python, and its wheel was for another
        return
    yield Remedy(
        why=say("Make an environment with a Python in the range {wanted}, and install there.", wanted=params["wanted"])
        if params.get("wanted")
        else say("Make an environment with a Python that the package supports, and install there."),
    )
    if name:
        yield again
