"""An installed package is not whole: files that it brought are gone or cut short.

## What happens

`pip list` names the package and `pip check` is content, and importing it fails: `No module named 'safetensors'`,
`libscipy_openblas64_-….so: cannot open shared object file`, `libtorch_cpu.so: file too short`, or `Unable to compare
versions for tqdm>=4.27: need=4.27 found=None`.

## Why

The installation was interrupted, the disk was full, or two runs of pip wrote to one environment at a time; a build
step deleted libraries to make an image smaller; two packages brought the same files, and removing one took them from
the other; or a folder was copied without its links. pip reads the folder that describes a package, and not its
files.

## How to end it

Install the package again, with the version that is there, and without the cache where that may be damaged.

## How to prevent it

Check the free disk space before installing, build images in one step from a lock, and let nothing but the installer
delete files among packages.

## Example

```
ImportError: /opt/venv/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so: file too short
```

## References

- https://packaging.python.org/en/latest/specifications/recording-installed-packages/
- https://pip.pypa.io/en/stable/cli/pip_check/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature, element
from airworthy.causes.requirements import named
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, DISTRIBUTIONS_DAMAGED
from airworthy.core.messages import say
from airworthy.core.values import Damage
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="installation-damaged",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS_DAMAGED,),
    uses=(DISTRIBUTIONS,),
    message="{distribution} lacks {path}, which its own record lists",
    signatures=(
        Signature(
            ": file too short",
            r"(?P<path>[^\s:]{1,300}\.so[\w.]{0,40}): file too short",
            message="{path} was cut short",
        ),
        Signature(
            "ELF load command ",
            r"(?P<path>[^\s:]{1,300}): ELF load command (?:past end of file|alignment not page-aligned)",
            message="{path} was cut short",
        ),
        Signature(
            ". Consider reinstalling ",
            r"found=None\. This is unusual\. Consider reinstalling (?P<distribution>[\w.-]{1,100}?)\.",
            message="{distribution} has a description without a version",
        ),
        Signature(
            "no RECORD file was found for ",
            r"no RECORD file was found for (?P<distribution>[\w.-]{1,100}?)\.",
            message="{distribution} has no record of its files",
        ),
        Signature(
            "Ignoring invalid distribution ",
            r"Ignoring invalid distribution (?P<distribution>[\w.~-]{1,100})",
            weight=0.5,
            message="pip left {distribution} half removed",
        ),
    ),
    blind_spot="facts cover the files that packages list and their lengths, and not each byte",
    related=("package-missing", "system-library-missing", "disk-full", "conflicting-package-variants"),
)

_MESSAGES = {
    "gone": "{distribution} is installed by its records, and none of its files is there ({path})",
    "cut-short": "{path} of {distribution} was cut short: it ends before what its headers list",
    "metadata": "{path} does not name {distribution} and its version, and what asks for its version fails",
}
_ASKED_FOR = "{distribution} lacks {path}, which its own record lists and {needed_by} needs"


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What packages lack of what their records list."""
    for damage in facts.value(DISTRIBUTIONS_DAMAGED):
        yield CAUSE.finding(
            facts,
            damage.distribution,
            evidence=(element(facts, DISTRIBUTIONS_DAMAGED, damage),),
            severity=_severity(damage),
            message=_ASKED_FOR if damage.needed_by else _MESSAGES.get(damage.kind, ""),
            distribution=damage.distribution,
            path=damage.path,
            count=damage.count,
            needed_by=PurePosixPath(damage.needed_by).name,
            kind=damage.kind,
            requirement=_requirement(facts, damage),
        )


def _severity(damage: Damage) -> Severity:
    if damage.imported or damage.kind == "gone":
        return Severity.ERROR
    # What nothing is known to ask for may have been left out on purpose, to make an image smaller; and a description
    # of a package that no other one requires is missed by pip alone.
    return Severity.INFO if damage.kind == "metadata" else Severity.WARNING


def _requirement(facts: Facts, damage: Damage) -> str:
    """The package in the version that is there, so that nothing else changes."""
    installed = named(facts.get_value(DISTRIBUTIONS, ()), damage.distribution)
    if installed is None or installed.version.local:
        return damage.distribution  # a build that the index may not hold
    return f"{damage.distribution}=={installed.version}"


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The same package once more."""
    requirement = str(params.get("requirement", ""))
    if params.get("kind") == "metadata":
        yield Remedy(
            why=say("Remove the folder {path}, which says nothing any more.", path=PurePosixPath(params["path"]).parent)
        )
    if requirement:
        yield Remedy(
            why=say("Install it again; its requirements stay as they are."),
            commands=(pip_install(facts, "--force-reinstall", "--no-deps", requirement),),
        )
        return
    yield Remedy(
        why=say("See which packages are not whole."),
        commands=(python(facts, "-m", "airworthy", "check"),),
        safe=True,
    )
