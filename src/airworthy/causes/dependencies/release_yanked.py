"""A release that its publisher has withdrawn is installed or locked.

## What happens

The installer warns that a candidate is yanked, or an audit names it. It keeps working until an index removes it, or
until the fault for which it was withdrawn shows up.

## Why

The publisher withdrew the release (PEP 592): it is broken, was uploaded by mistake, or has a vulnerability. Installers
pass it over, unless something pins exactly this version, as a lock does.

## How to end it

Take the next release: `airworthy lock --upgrade NAME`. The reason that the publisher gave says how urgent it is.

## How to prevent it

Audit the lock in the pipeline; a release may be withdrawn long after it was locked.

## Example

```
WARNING: The candidate selected for download or install is a yanked version: 'attrs' candidate (version 21.1.0)
```

## References

- https://peps.python.org/pep-0592/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="release-yanked",
    severity=Severity.WARNING,
    message="{package} {version} was withdrawn by its publisher",
    unpredictable="the facts hold no list of withdrawn releases; `airworthy audit-deps` asks for it",
    signatures=(
        Signature(
            "install is a yanked version: ",
            r"yanked version: '(?P<package>[\w.-]{1,80})' candidate \(version (?P<version>[^\s)]{1,60})",
        ),
        Signature("` is yanked", r"`(?P<package>[\w.-]{1,80})==(?P<version>[^`\s]{1,60})` is yanked"),
    ),
    related=("known-vulnerability", "no-matching-distribution"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The next release, by way of the lock."""
    package = str(params.get("package", "")) or "NAME"
    yield Remedy(
        why=say("Lock the newest release that fits in its place."), commands=(f"airworthy lock --upgrade {package}",)
    )
