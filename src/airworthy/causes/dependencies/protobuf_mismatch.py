"""Generated protobuf code and the protobuf runtime do not fit.

## What happens

An import fails deep inside a framework, in a file that ends in `_pb2.py`: `Descriptors cannot be created directly`,
or `Detected incompatible Protobuf Gencode/Runtime versions`.

## Why

Code that protoc generates runs with the runtime of its own time. Code from before protoc 3.19 does not load with
runtime 4 or newer (except with the slow pure Python implementation), and code from a newer protoc does not load
with an older runtime: the runtime must be as new as the code, and at most one major version newer. Several packages
in one environment bring generated code, and share one runtime.

## How to end it

Upgrade the package with the old code. Where that can't be, install a runtime that suits all of them; as a stop-gap
for old code, `PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python`.

## How to prevent it

Lock protobuf together with what was generated for it, and generate your own code with the oldest protoc that you
support.

## Example

```
  File "/opt/venv/lib/python3.9/site-packages/google/protobuf/descriptor.py", line 560, in __new__
    _message.Message._CheckCalledFromGeneratedFile()
TypeError: Descriptors cannot not be created directly.
If this call came from a _pb2.py file, your generated code is out of date and must be regenerated with protoc >= 3.19.0.
```

## References

- https://protobuf.dev/support/cross-version-runtime-guarantee/
- https://protobuf.dev/news/2022-05-06/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.requirements import needs, takes
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, OS_KERNEL, PYTHON_VERSION
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_VERSIONS = r"gencode (?P<gencode>\d[\w.-]{0,20}),? runtime (?P<runtime>\d[\w.-]{0,20}\w)"

CAUSE = Cause(
    slug="protobuf-mismatch",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS, PYTHON_VERSION),
    uses=(OS_KERNEL, CPU_ARCHITECTURE),
    message="{by} {by_version} was made for {requirement}, and protobuf {installed} is installed",
    signatures=(
        Signature(
            "Protobuf Gencode/Runtime",
            _VERSIONS,
            message="the generated code is of protobuf {gencode}, and the runtime of {runtime}",
        ),
        Signature("Descriptors cannot not be created directly"),
        Signature("Descriptors cannot be created directly"),
        Signature("your generated code is out of date and must be regenerated"),
        Signature("from 'google.protobuf", r"cannot import name '\w+' from 'google\.protobuf"),
        Signature("module 'google.protobuf", r"module 'google\.protobuf[\w.]*' has no attribute"),
        Signature("object has no attribute 'GetPrototype'"),
        Signature("of the Protocol Buffer runtime library", r"requires version|was compiled against version"),
        Signature("build proto file into descriptor pool", weight=0.95),
        Signature("FieldDescriptor' object has no attribute", weight=0.95),
        Signature("Failed to load the Protobuf implementation", weight=0.9),
        Signature("Couldn't parse file content!", weight=0.85),
    ),
    related=("api-removed", "resolution-impossible", "package-missing"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The protobuf runtime against what the packages with generated code ask for."""
    runtime = next((each.version for each in facts.value(DISTRIBUTIONS) if each.name == "protobuf"), None)
    if runtime is None:
        return
    for need in needs(facts):
        if need.name == "protobuf" and not takes(need.specifier, runtime):
            yield CAUSE.finding(
                facts,
                need.by.name,
                evidence=(DISTRIBUTIONS,),
                confidence=Confidence.MEDIUM,
                # An upper bound is often set before the next runtime is there; below the lower one nothing loads.
                severity=Severity.ERROR if _is_older(need.specifier, runtime.text) else Severity.WARNING,
                by=need.by.name,
                by_version=need.by.version.text,
                requirement=need.text,
                installed=runtime.text,
            )


def _is_older(specifier: str, installed: str) -> bool:
    """Whether a version lies below what is requested."""
    from packaging.specifiers import SpecifierSet

    lower = [each for each in SpecifierSet(specifier) if each.operator in {">=", ">", "~=", "=="}]
    return any(each.operator != "==" and not each.contains(installed, prereleases=True) for each in lower)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A runtime that suits, newer code, or the slow way round."""
    requirement, by = str(params.get("requirement", "")), str(params.get("by", ""))
    gencode = str(params.get("gencode", ""))
    if requirement:
        yield Remedy(
            why=say("Install the runtime that {by} asks for.", by=by), commands=(pip_install(facts, requirement),)
        )
        yield Remedy(
            why=say("A newer release of {by} may hold newer code.", by=by),
            commands=(pip_install(facts, "--upgrade", by),),
        )
        return
    if gencode:
        yield Remedy(
            why=say("Install a runtime as new as the generated code."),
            commands=(pip_install(facts, f"protobuf>={gencode},<{int(gencode.partition('.')[0]) + 1}"),),
        )
        return
    yield Remedy(
        why=say(
            "Upgrade the package whose `_pb2.py` file stands in the traceback, or keep the runtime that it was "
            "made for."
        ),
        commands=(pip_install(facts, "protobuf<3.21"),),
    )
    yield Remedy(why=say("See what each package asks for."), commands=(python(facts, "-m", "pip", "check"),), safe=True)
    yield Remedy(
        why=say("As a stop-gap, the pure Python implementation still reads old code, slowly."),
        commands=("export PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python",),
        safe=True,
    )
