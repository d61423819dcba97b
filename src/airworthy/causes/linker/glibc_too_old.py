"""The C library is older than a binary needs.

## What happens

A program or a Python extension does not load: ``version `GLIBC_2.32' not found``. The file it blames is whole.

## Why

Each symbol of glibc carries the version in which it appeared. A binary built on a newer distribution asks for newer
ones, and the loader refuses it on an older glibc. pip keeps such wheels away by their `manylinux` tag, so the
binary came some other way: a wheel tagged plainly `linux_x86_64`, a conda package, a wheel built on another
machine, a copied folder.

`GLIBCXX_` in the message is the C++ library, not this one: see `libstdcxx-too-old`.

## How to end it

Run it on a distribution (or in a container image) whose glibc is new enough, or install a build made for an older
one. Never replace glibc by hand: everything on the machine uses it.

## How to prevent it

Install from wheels with manylinux tags only, and build your own wheels in a manylinux image.

## Example

```
ImportError: /lib64/libc.so.6: version `GLIBC_2.32' not found (required by
/opt/venv/lib/python3.10/site-packages/flash_attn_2_cuda.cpython-310-x86_64-linux-gnu.so)
```

## References

- https://github.com/pytorch/pytorch/issues/123649
- https://github.com/pypa/manylinux
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, pip_install
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import BINARIES, LIBC_NAME, LIBC_VERSION
from airworthy.core.messages import say
from airworthy.core.values import Binary
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="glibc-too-old",
    severity=Severity.ERROR,
    needs=(BINARIES, LIBC_VERSION),
    uses=(LIBC_NAME,),
    message="{distribution} needs glibc {required} ({binary}), and this system has {found}",
    signatures=(
        Signature(
            "version `GLIBC_",
            r"version `GLIBC_(?P<required>\d+\.\d+(?:\.\d+)?)' not found \(required by (?P<binary>[^)\n]{1,400})\)",
            message="{binary} needs glibc {required}, and this system's is older",
        ),
        Signature(
            "version `GLIBC_",
            r"version `GLIBC_(?P<required>\d+\.\d+(?:\.\d+)?)' not found",
            message="a binary needs glibc {required}, and this system's is older",
        ),
    ),
    related=("libstdcxx-too-old", "wrong-architecture", "extension-abi-mismatch"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The most demanding binary of each distribution against the C library."""
    here = facts.value(LIBC_VERSION)
    worst: dict[str, tuple[Version, Binary]] = {}
    for binary in facts.value(BINARIES):
        owner = binary.distribution or binary.path
        if binary.glibc is not None and (owner not in worst or worst[owner][0] < binary.glibc):
            worst[owner] = (binary.glibc, binary)
    if worst and facts.get_value(LIBC_NAME, "glibc") != "glibc":
        raise Undecidable("the C library is {name}, on which binaries for glibc may or may not run", name="musl")
    for owner, (required, binary) in sorted(worst.items()):
        if required > here:
            yield CAUSE.finding(
                facts,
                owner,
                evidence=(BINARIES, LIBC_VERSION),
                distribution=owner,
                binary=binary.path,
                required=required.text,
                found=here.text,
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A build for older systems, or a newer system."""
    distribution = str(params.get("distribution", ""))
    if distribution and "/" not in distribution:
        yield Remedy(
            why=say("Let pip choose a wheel whose manylinux tag fits this system."),
            commands=(pip_install(facts, "--force-reinstall", "--only-binary=:all:", "--no-cache-dir", distribution),),
        )
    required = str(params.get("required", ""))
    releases = Knowledge().glibc_releases(Version(required)) if required else ()
    if releases:
        yield Remedy(
            why=say(
                "Run it where glibc is {required} or newer: {names}.",
                required=required,
                names=tuple(release.name for release in releases),
            ),
            commands=(command(facts, "docker", "pull", releases[0].image),),
            safe=True,
        )
    else:
        yield Remedy(why=say("Run it on a newer distribution, or in a container image of one."))
