"""A module was compiled against another NumPy application binary interface.

## What happens

Importing a package fails, or warns that a module compiled using NumPy 1.x cannot run in NumPy 2. Sometimes the
import works and the first exchange of arrays fails: `RuntimeError: Numpy is not available`.

## Why

Compiled extensions fix the layout of NumPy's structures when they are built. NumPy 2 changed that layout: an
extension built against NumPy 1 does not load with NumPy 2. Extensions built against NumPy 2 load with later
releases of NumPy 1 as well, unless they ask for a newer interface than the one installed. `numpy.dtype size
changed` is the same fault between older releases.

A `RuntimeWarning` about a changed size, with the number that was got above the number expected, is harmless.

## How to end it

Upgrade the package whose extension is old. Where it has no release for NumPy 2 yet, keep NumPy below 2.

## How to prevent it

Lock NumPy together with the packages that were tested with it; give your own packages an upper bound on NumPy's
major version.

## Example

```
A module that was compiled using NumPy 1.x cannot be run in
NumPy 2.0.0 as it may crash. To support both 1.x and 2.x
versions of NumPy, modules must be compiled with NumPy 2.0.
```

## References

- https://numpy.org/doc/stable/numpy_2_0_migration_guide.html
- https://github.com/numpy/numpy/issues/26191
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, NUMPY_USES
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="numpy-abi",
    severity=Severity.ERROR,
    needs=(NUMPY_USES, DISTRIBUTIONS),
    message="{distribution} {version} was compiled for NumPy {built}, and NumPy {numpy} is installed",
    signatures=(
        Signature(
            "was compiled using NumPy 1.x cannot be run in",
            r"cannot be run in\s+NumPy (?P<numpy>\d[\w.]*\w)",
            message="an extension was compiled for NumPy 1, and NumPy {numpy} is installed",
        ),
        Signature("was compiled using NumPy 1.x cannot be run in"),
        Signature(
            "size changed, may indicate binary incompatibility",
            r"^(?!.*RuntimeWarning).*numpy\.(?P<structure>[\w.]{1,60}) size changed",
            message="an extension was compiled for another layout of numpy.{structure}",
        ),
        Signature("module compiled against API version 0x", r"but this version of numpy is 0x"),
        Signature("module compiled against ABI version 0x", r"but this version of numpy is 0x"),
        Signature("compiled against NumPy C-API version 0x"),
        Signature("_ARRAY_API not found", weight=0.9),
        Signature("RuntimeError: Numpy is not available", weight=0.7),
        Signature("numpy.core.multiarray failed to import", weight=0.6),
    ),
    related=("api-removed", "extension-abi-mismatch", "package-missing"),
)

_WANTS_2 = re.compile(r"numpy\s*(?:\[[^\]]*\])?\s*\(?[^;]*?(?:>=?|==|~=)\s*2\b", re.IGNORECASE)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare the interface of each extension with the NumPy that is installed."""
    numpy = next((d.version for d in facts.value(DISTRIBUTIONS) if d.name == "numpy"), None)
    if numpy is None:
        return
    installed = "1" if numpy.major < 2 else "2"
    told: set[str] = set()
    for use in facts.value(NUMPY_USES):
        if use.built_for in {"any", installed} or use.distribution in told:
            continue
        told.add(use.distribution)
        yield CAUSE.finding(
            facts,
            use.distribution,
            evidence=(NUMPY_USES, DISTRIBUTIONS),
            distribution=use.distribution,
            version=use.version.text,
            built=use.built_for,
            numpy=numpy.text,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer build of the package, or the NumPy it was built for where nothing else forbids that."""
    distribution, built = str(params.get("distribution", "")), str(params.get("built", "1"))
    if built == "2":
        yield Remedy(
            why=say("{distribution} needs NumPy 2.", distribution=distribution),
            commands=(pip_install(facts, "--upgrade", "numpy>=2"),),
        )
        return
    if distribution:
        first = Knowledge().numpy2_release(distribution)
        yield Remedy(
            why=say("{distribution} {first} is the first release for NumPy 2.", distribution=distribution, first=first)
            if first is not None
            else say("A newer release of {distribution} may be built for NumPy 2.", distribution=distribution),
            commands=(pip_install(facts, "--upgrade", f"{distribution}>={first}" if first else distribution),),
        )
    needed_by = sorted(
        d.name for d in facts.get_value(DISTRIBUTIONS, ()) if any(_WANTS_2.match(each) for each in d.requires)
    )
    if not needed_by:
        yield Remedy(
            why=say("Keep NumPy below 2 until every package is built for it."),
            commands=(pip_install(facts, "numpy<2"),),
        )
    elif not distribution:
        yield Remedy(
            why=say("Upgrade the package that the traceback names; {names} need NumPy 2.", names=tuple(needed_by))
        )
