"""The environment is not what its lock says.

## What happens

What was tested is not what runs: a package has another version than the lock, is missing, or is there though no lock
names it; a file was changed by hand. Installers say that the environment or the lock is out of date, and
`airworthy lock --check` names each difference.

## Why

A package was installed by hand after the lock was restored, an image was built from the loose requirements and not
from the lock, a file was patched on the server, or the requirements changed and the lock was not made anew.

## How to end it

Where the environment is wrong, restore it: `airworthy sync`. Where the lock is wrong, make it anew: `airworthy lock`,
which keeps the versions that still fit. A patch that is needed belongs into a package of its own.

## How to prevent it

Install from the lock only, and let the pipeline run `airworthy lock --check` where it deploys to.

## Example

```
error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.
```

## References

- https://packaging.python.org/en/latest/specifications/pylock-toml/
- https://docs.astral.sh/uv/concepts/projects/sync/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="environment-drift",
    severity=Severity.ERROR,
    message="{environment} is not what {lock} says: {count} differences",
    unpredictable="the facts hold no lock; `airworthy lock --check` compares an environment with one",
    signatures=(
        Signature("The environment is outdated; run"),
        Signature("needs to be updated, but `--locked` was provided"),
        Signature("needs to be updated, but `--check` was provided"),
        Signature("changed significantly since poetry.lock was last generated"),
        Signature("poetry.lock is not up to date with pyproject.toml"),
        Signature("Your Pipfile.lock", r"Your Pipfile\.lock \S{1,80} is out of date"),
        Signature("The lock file is not up to date with pyproject.toml"),
        Signature("lock-file not up-to-date with the"),
    ),
    related=("hash-mismatch", "installation-damaged", "resolution-impossible"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See what differs, then restore the one that is wrong."""
    yield Remedy(why=say("Name each difference, file by file."), commands=("airworthy lock --check",), safe=True)
    yield Remedy(
        why=say("Restore the environment; it is made beside the old one and proven before it takes its place."),
        commands=("airworthy sync",),
    )
