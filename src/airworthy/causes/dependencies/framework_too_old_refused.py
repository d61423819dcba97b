"""A library refuses to work with an older framework, for a security or an API reason.

## What happens

Everything imports, and loading fails with a demand: `Due to a serious vulnerability issue in torch.load … upgrade
torch to at least v2.6`. Or the library behaves as if the framework were not there: `Disabling PyTorch because
PyTorch >= 2.1 is required but found 2.0.1`, and a later line says that PyTorch was not found.

## Why

Libraries drop old frameworks, and do not always say so in their requirements, because the framework is optional to
them. transformers since 4.52 reads pickled weights (`.bin`, `.pt`) only with PyTorch 2.6 or newer: `torch.load`
before it could be made to run code in spite of `weights_only` (CVE-2025-32434). Weights in safetensors are not
affected.

## How to end it

Upgrade the framework, if driver and the rest of the stack allow it. Else use safetensors where it is about pickled
weights, or keep the library at the last release that takes this framework.

## How to prevent it

Convert weights to safetensors once. Upgrade library and framework together.

## Example

```
ValueError: Due to a serious vulnerability issue in `torch.load`, even with `weights_only=True`, we now require users
to upgrade torch to at least v2.6 in order to use the function. This version restriction does not apply when loading
files with safetensors.
```

## References

- https://github.com/huggingface/transformers/pull/37785
- https://nvd.nist.gov/vuln/detail/CVE-2025-32434
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.wheels import install, torch_wheel
from airworthy.core.facts import Facts, Known
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, FRAMEWORKS, MODEL_ENTRY_FORMAT, NVIDIA_DEVICES, NVIDIA_DRIVER
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="framework-too-old-refused",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS,),
    uses=(MODEL_ENTRY_FORMAT, FRAMEWORKS, NVIDIA_DRIVER, NVIDIA_DEVICES),
    message="{library} {version} works with {framework} {minimum} or newer, and {found} is installed",
    signatures=(
        Signature("Due to a serious vulnerability issue in `torch.load`"),
        Signature(
            "upgrade torch to at least v",
            r"at least v(?P<minimum>\d[\d.]{0,10}\d)",
            message="torch {minimum} or newer is requested",
        ),
        Signature(
            "is required but found",
            r"(?P<framework>PyTorch|TensorFlow|torch|jax(?:lib)?) ?>= ?(?P<minimum>\d[\d.]{0,10}) is required but "
            r"found (?P<found>\d\S{0,30})",
            message="{framework} {minimum} or newer is requested, and {found} is installed",
        ),
        Signature("but this version of jax requires version", r"jaxlib is version (?P<found>[\d.]+)"),
        Signature("requires TensorFlow 2.", r"Keras requires TensorFlow (?P<minimum>2\.\d+) or higher"),
        Signature(
            "requires PyTorch",
            r"requires PyTorch(?: version)? ?(?:>=|≥|>|at least|v?\d)(?!.{0,80}but you have)",
            weight=0.9,
        ),
        Signature(
            "requires torch",
            r"requires `?torch`?(?: version)? ?(?:>=|>|at least |v?\d)(?!.{0,80}but you have)",
            weight=0.9,
        ),
        Signature(
            "is required for a normal functioning of this module",
            r"\btorch>=\S{1,40} is required for a normal functioning",
            weight=0.92,
        ),
        Signature(
            "package version to be greater or equal",
            r"(?P<library>[\w`-]{1,40}) package version to be greater or equal (?:than|to) (?P<minimum>[\d.]+\d)",
            weight=0.85,
        ),
        Signature(
            "is required",
            r"(?:PyTorch|torch|TensorFlow|jax|jaxlib) (?:version )?(?:>=? ?|v)?\d[\d.]* or (?:higher|newer|later|"
            r"above|greater) is required",
            weight=0.9,
        ),
        Signature(
            "or above is required", r"(?i)(?:pytorch|torch|tensorflow) \d[\d.]* or above is required", weight=0.9
        ),
        Signature("Please upgrade", r"Please upgrade (?:your )?(?P<framework>PyTorch|torch|TensorFlow)\b", weight=0.8),
    ),
    related=("unsafe-pickle", "api-removed", "package-missing"),
)

_PICKLED = (
    "{library} {version} reads pickled weights only with {framework} {minimum} or newer, and {found} is installed"
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What installed libraries insist on at run time; for pickled weights only where the model has them."""
    installed = {each.name: each.version for each in facts.value(DISTRIBUTIONS)}
    entry = facts.fact(MODEL_ENTRY_FORMAT)
    for library in known.insistent():
        version = installed.get(library)
        if version is None:
            continue
        answer = known.floors(library, version)
        refused = [
            floor
            for floor in answer.value or ()
            if floor.framework in installed
            and (not floor.format or (isinstance(entry, Known) and entry.value == floor.format))
            and _release(installed[floor.framework]) < floor.minimum
        ]
        if refused:
            floor = max(refused, key=lambda each: each.minimum)
            yield CAUSE.finding(
                facts,
                library,
                evidence=(
                    DISTRIBUTIONS,
                    *((MODEL_ENTRY_FORMAT,) if floor.format else ()),
                    *answer.evidence("framework_floors"),
                ),
                message=_PICKLED if floor.format else "",
                library=library,
                version=version.text,
                framework=floor.framework,
                minimum=floor.minimum.text,
                found=installed[floor.framework].text,
            )


def _release(version: Version) -> Version:
    """A version without what makes it a pre-release: builds between releases have what their release has."""
    return Version(".".join(str(number) for number in version.numbers))


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer framework that the host runs, or another file."""
    framework, minimum = str(params.get("framework", "torch")).lower(), str(params.get("minimum", ""))
    framework = {"pytorch": "torch"}.get(framework, framework)
    wheel = torch_wheel(facts) if framework == "torch" else None
    if wheel is not None and minimum and wheel.release >= Version(minimum):
        yield install(wheel, facts)
    else:
        wanted = f"{framework}>={minimum}" if minimum else framework
        yield Remedy(
            why=say("Upgrade {framework}, if the driver and the other packages allow it.", framework=framework),
            commands=(pip_install(facts, "--upgrade", wanted),),
        )
    yield Remedy(why=say("Where it is about pickled weights: take the same weights as safetensors."), safe=True)
