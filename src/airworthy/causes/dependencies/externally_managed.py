"""The system's Python refuses installs.

## What happens

`pip install` ends at once: `error: externally-managed-environment`. Scripts and images that worked on the release
before fail in their first step.

## Why

Distributions mark the Python that their own tools run on with a file named `EXTERNALLY-MANAGED` (PEP 668), and
installers keep their hands off it: a package of theirs would replace one that the system depends on. Debian 12,
Ubuntu 23.04, Fedora, Alpine 3.19, Homebrew and uv's own Pythons do so.

## How to end it

Make a virtual environment and install there. In a container that runs nothing else, take an image whose Python is
not the system's (`python:3.12-slim`). `--break-system-packages` does what it says.

## How to prevent it

Always install into an environment of your own, in images too.

## Example

```
error: externally-managed-environment
To install Python packages system-wide, try apt install python3-xyz
```

## References

- https://peps.python.org/pep-0668/
- https://packaging.python.org/en/latest/specifications/externally-managed-environments/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import OS_KERNEL, PYTHON_EXECUTABLE, PYTHON_EXTERNALLY_MANAGED
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="externally-managed",
    severity=Severity.ERROR,
    needs=(PYTHON_EXTERNALLY_MANAGED,),
    uses=(PYTHON_EXECUTABLE, OS_KERNEL),
    message="this Python belongs to the system and takes no installs ({marker})",
    signatures=(
        Signature("externally-managed-environment"),
        Signature("This environment is externally managed"),
        Signature("externally managed", r"The interpreter at \S{1,300} is externally managed"),
        Signature("python installation should be maintained using the system"),
        Signature("--break-system-packages", weight=0.8),
    ),
    related=("permission-denied", "package-missing"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The marker beside the standard library. What is installed already runs, so this is only worth knowing."""
    marker = facts.value(PYTHON_EXTERNALLY_MANAGED)
    yield CAUSE.finding(
        facts,
        facts.get_value(PYTHON_EXECUTABLE, marker),
        evidence=(PYTHON_EXTERNALLY_MANAGED,),
        severity=Severity.INFO,
        marker=marker,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """An environment of one's own."""
    interpreter = r".venv\Scripts\python" if on_windows(facts) else ".venv/bin/python"
    yield Remedy(
        why=say("Make a virtual environment, and install into that."),
        commands=(python(facts, "-m", "venv", ".venv"), f"{interpreter} -m pip install PACKAGE"),
        safe=True,
    )
