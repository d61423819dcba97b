"""A binary, a wheel or an image is for another CPU architecture.

## What happens

The container ends at once with `exec format error`; a library is refused with `wrong ELF class` or `incompatible
architecture`; pip says that a wheel `is not a supported wheel on this platform`.

## Why

Machine code for x86_64 does not run on aarch64 (Graviton, Grace, Jetson, Apple silicon, Ascend and Kunpeng servers) nor
the other way round. Images are often built on a laptop of one kind and run on a server of the other; a folder of
packages is copied between machines; a tag holds one architecture only. A wheel is also refused where its Python or
its C library does not fit: its name reports all three.

## How to end it

Take the image, the wheel or the program for this architecture, or build it here.

## How to prevent it

Build images for all architectures of the fleet (`docker buildx build --platform linux/amd64,linux/arm64`), and never
copy an environment between kinds of machines.

## Example

```
exec /app/server: exec format error
```

## References

- https://docs.docker.com/build/building/multi-platform/
- https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
- https://github.com/mostlygeek/llama-swap/issues/818
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature, element
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import BINARIES, CPU_ARCHITECTURE, LINK_FAULTS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="wrong-architecture",
    severity=Severity.ERROR,
    needs=(BINARIES, CPU_ARCHITECTURE),
    uses=(LINK_FAULTS,),
    message="{distribution} holds code for {machine}, and this machine is {here}",
    signatures=(
        Signature(
            "exec format error",
            r"exec (?P<binary>/\S{1,200}): exec format error",
            message="{binary} is for another architecture",
        ),
        Signature("exec format error"),
        Signature("Exec format error"),
        Signature("cannot execute binary file"),
        Signature(
            "is not a supported wheel on this platform",
            r"(?P<wheel>[\w.+%-]{1,200}\.whl) is not a supported wheel",
            message="{wheel} is for another platform or another Python",
        ),
        Signature("is not a supported wheel on this platform"),
        Signature("wrong ELF class"),
        Signature(
            "incompatible architecture",
            r"incompatible architecture \(have '(?P<machine>[\w,]{1,40})', need '(?P<here>[\w,' or]{1,60})'\)",
            message="the library is for {machine}, and the process is {here}",
        ),
        Signature("is an incompatible architecture"),
        Signature("Bad CPU type in executable"),
        Signature(
            "does not match the detected host platform",
            r"image's platform \((?P<image>[\w/]{1,40})\)",
            message="the image is for {image}",
        ),
        Signature("Could not open '/lib", r"qemu-\w+: Could not open '/lib"),
        Signature("rosetta error: ", weight=0.95),
        Signature("qemu: uncaught target signal", weight=0.95),
        Signature("is not a valid Win32 application", weight=0.95),
        Signature("[WinError 193]", weight=0.95),
        Signature("invalid ELF header", weight=0.9),
        Signature("no matching manifest for linux/arm", weight=0.6),
    ),
    related=("no-matching-distribution", "cpu-instruction-missing", "image-pull-failed", "glibc-too-old"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Packages of which no shared object is for this machine, then single files."""
    here = facts.value(CPU_ARCHITECTURE)
    ours = {here, {"ppc64le": "ppc64", "armv7l": "arm", "i686": "i386"}.get(here, here)}
    machines: dict[str, set[str]] = {}
    told: set[str] = set()
    for binary in facts.value(BINARIES):
        if binary.machine:
            machines.setdefault(binary.distribution or binary.path, set()).add(binary.machine)
    for owner, found in sorted(machines.items()):
        if not found & ours:
            yield CAUSE.finding(
                facts,
                owner,
                evidence=(BINARIES, CPU_ARCHITECTURE),
                # One may have come with a copied environment and never be imported; several are a wrong environment.
                severity=Severity.ERROR,
                distribution=owner,
                machine=tuple(sorted(found)),
                here=here,
            )
            told.add(owner)
    for fault in facts.get_value(LINK_FAULTS, ()):
        if fault.kind == "architecture" and fault.distribution not in told:
            yield CAUSE.finding(
                facts,
                fault.distribution,
                evidence=(element(facts, LINK_FAULTS, fault), CPU_ARCHITECTURE),
                message=_PASSED_OVER if fault.soname else _ONE_FILE,
                distribution=fault.distribution,
                binary=PurePosixPath(fault.binary).name,
                library=fault.soname,
                path=fault.used,
                machine=(fault.machine,),
                here=here,
            )


_ONE_FILE = "{binary} of {distribution} holds code for {machine}, and this machine is {here}"
_PASSED_OVER = "{binary} of {distribution} needs {library}, and {path} holds code for {machine}; this machine is {here}"


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The right build of a package; the right image."""
    distribution = str(params.get("distribution", ""))
    if distribution and "/" not in distribution:
        yield Remedy(
            why=say("Install the package anew on this machine, so that pip takes the wheel for it."),
            commands=(pip_install(facts, "--force-reinstall", "--no-deps", "--no-cache-dir", distribution),),
        )
        return
    yield Remedy(
        why=say("Show this machine's architecture and that of the file or image."),
        commands=("uname -m", "file FILE", "docker image inspect --format '{{.Architecture}}' IMAGE"),
        safe=True,
    )
    yield Remedy(
        why=say("Pull or build the image for this machine."),
        commands=("docker pull --platform linux/$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/') IMAGE",),
        safe=True,
    )
