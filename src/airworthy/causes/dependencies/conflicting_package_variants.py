"""Two distributions of one library are installed side by side and hide each other.

## What happens

The GPU is not used though `onnxruntime-gpu` is installed; after removing one package the other one is broken, too:
`module 'onnxruntime' has no attribute 'InferenceSession'`. Half of a library is of one version and half of another.

## Why

Some libraries are published under several names for several builds: with and without GPU, with and without a window
system. All of them put their files in the same folder. Installers know them as unrelated packages, so the one that
comes last overwrites the files of the first, and removing either takes files from the other. Often the second came
as a requirement of something else.

## How to end it

Remove all of them, then install the one that is wanted; nothing less restores the files.

## How to prevent it

Exclude the unwanted name from the lock (uv: `override-dependencies`), or ask the package that pulls it in for an extra
that lets you choose.

## Example

```
>>> import onnxruntime
>>> onnxruntime.InferenceSession("model.onnx")
AttributeError: module 'onnxruntime' has no attribute 'InferenceSession'
```

## References

- https://onnxruntime.ai/docs/get-started/with-python.html
- https://pypi.org/project/opencv-python/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.requirements import needs
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, OS_KERNEL, PYTHON_VERSION
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="conflicting-package-variants",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS, PYTHON_VERSION),
    uses=(OS_KERNEL, CPU_ARCHITECTURE),
    message="{variants} all bring {library}, and overwrite each other's files",
    signatures=(
        Signature("multiple CuPy packages are installed"),
        Signature(
            "module 'onnxruntime' has no attribute '",
            r"has no attribute '(?:InferenceSession|get_available_providers|get_device|SessionOptions|__version__)'",
        ),
        Signature("has no attribute 'gapi_wip_gst_GStreamerPipeline'"),
        Signature("module 'cv2.dnn' has no attribute 'DictValue'", weight=0.95),
        Signature(
            "module 'cv2' has no attribute '",
            r"'cv2' has no attribute '(?:imread|imshow|VideoCapture|cvtColor|__version__)'",
            weight=0.95,
        ),
        Signature(
            "module 'jwt' has no attribute '", r"'jwt' has no attribute '(?:encode|decode|PyJWT\w*)'", weight=0.95
        ),
        Signature("onnxruntime-gpu", r"(?i)both [`'\"]?onnxruntime[`'\"]? and [`'\"]?onnxruntime-gpu", weight=0.9),
    ),
    related=("cpu-only-build", "execution-provider-fallback", "api-removed"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Distributions of one library of which none stands in for another by requiring it."""
    installed = {each.name for each in facts.value(DISTRIBUTIONS)}
    for library in known.libraries():
        present = [name for name in library.distributions if name in installed]
        if len(present) < 2:
            continue
        # An empty package that only requires the platform's own build has no files to lose.
        fronts = {need.by.name for need in needs(facts) if need.by.name in present and need.name in present}
        rivals = [name for name in present if name not in fronts]
        if len(rivals) > 1:
            yield CAUSE.finding(
                facts,
                rivals[0],
                evidence=(DISTRIBUTIONS,),
                severity=Severity.ERROR if library.severe else Severity.WARNING,
                library=library.name,
                variants=tuple(rivals),
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Remove all, install one."""
    variants = tuple(params.get("variants", ()))
    if not variants:
        yield Remedy(
            why=say("List what is installed, then remove every variant of the library before one is installed again."),
            commands=(python(facts, "-m", "pip", "list"),),
            safe=True,
        )
        return
    # The plain name is mostly the smallest build; the other one was requested.
    wanted = next((name for name in variants if name.endswith(("-gpu", "-headless"))), variants[-1])
    yield Remedy(
        why=say("Remove all of them and install the one that is wanted, such as {wanted}.", wanted=wanted),
        commands=(python(facts, "-m", "pip", "uninstall", "-y", *variants), pip_install(facts, wanted)),
    )
