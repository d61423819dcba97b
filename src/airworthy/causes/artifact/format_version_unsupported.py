"""The model's format is of a version that the runtime does not read.

## What happens

The runtime refuses the model by number: `Unsupported model IR version: 11, max supported IR version: 10`, or an
operator set above its own, or a GGUF file from another time.

## Why

An ONNX file carries two numbers, the version of the format (IR) and of each operator set. Exporters stamp the
newest that they know, runtimes read up to the newest of their own release day. So a model written today fails in a
runtime of last year, though the graph itself might need nothing new. GGUF and PyTorch archives carry such numbers
as well.

## How to end it

Upgrade the runtime. Where it can't change, export again for an older operator set, or lower the IR version: the
format version alone may often be lowered without any change to the graph.

## How to prevent it

Export for the operator set of the oldest runtime in use, not for the newest.

## Example

```
[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Failed to load model with error: onnxruntime::Model::Model
Unsupported model IR version: 11, max supported IR version: 10
```

## References

- https://onnxruntime.ai/docs/reference/compatibility.html
- https://github.com/microsoft/onnxruntime/issues/23602
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import model_file, pip_install, python
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, MODEL_FORMAT_VERSIONS, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge, operators


def _of_a_known_operator(params: dict[str, str]) -> dict[str, str] | None:
    # An operator that no standard set has is custom or misspelt; no other version of the runtime would know it.
    return params if operators.is_known(params["operator"], int(params["version"][:9])) else None


CAUSE = Cause(
    slug="format-version-unsupported",
    severity=Severity.ERROR,
    needs=(MODEL_FORMAT_VERSIONS,),
    uses=(DISTRIBUTIONS, MODEL_PATH),
    message="the model demands {kind} {version}, and {runtime} {installed} reads up to {ceiling}",
    signatures=(
        Signature(
            "Unsupported model IR version",
            r"IR version: (?P<version>\d+), max supported IR version: (?P<ceiling>\d+)",
            message="the model's IR version is {version}, and the runtime reads up to {ceiling}",
        ),
        Signature(
            "Current official support for domain",
            r"Opset (?P<version>\d+) is under.{1,600}domain (?P<domain>[\w.]+) is till opset (?P<ceiling>\d+)",
            message="the model uses operator set {version}, and the runtime reads up to {ceiling}",
        ),
        Signature(
            "but the maximum supported version for reading is",
            r"file with version (?P<version>\d+), but the maximum supported version for reading is (?P<ceiling>\d+)",
            message="the file's version is {version}, and this PyTorch reads up to {ceiling}",
        ),
        Signature(
            "is higher than the checker's",
            r"ir_version:? (?P<version>\d+) is higher than the checker's \(?(?P<ceiling>\d+)",
            message="the model's IR version is {version}, and the installed onnx knows up to {ceiling}",
        ),
        Signature(
            "but this software only supports up to version",
            r"is version (?P<version>\d+) but this software only supports up to version (?P<ceiling>\d+)",
            message="the file's version is {version}, and the program reads up to {ceiling}",
        ),
        Signature(
            "is no longer supported",
            r"GGUFv(?P<version>\d+) is no longer supported",
            message="GGUF version {version} is no longer read by this program",
        ),
        Signature("unknown (magic, version) combination", weight=0.9),
        Signature(
            "No Op registered for",
            r"No Op registered for (?P<operator>\w+) with domain_version of (?P<version>\d+)",
            weight=0.8,
            message="the runtime does not know {operator} of operator set {version}",
            refine=_of_a_known_operator,
        ),
        Signature(
            "Didn't find op for builtin opcode",
            r"builtin opcode '(?P<operator>\w+)' version '(?P<version>\d+)'",
            weight=0.5,
            message="the runtime does not know version {version} of {operator}",
        ),
    ),
    related=("op-not-implemented", "wrong-format", "architecture-unknown", "engine-not-portable"),
)

_NEWEST = (
    "the model demands {kind} {version}; {runtime} {installed} is newer than the table, whose newest row reads up to "
    "{ceiling}"
)
_OUTDATED = "the file is {kind} version {version}; {programs} read version {oldest} and newer"
_DECIDED = frozenset({"onnx-ir", "onnx-opset"})
_STANDARD = frozenset({"", "ai.onnx"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What the file demands against what the installed ONNX Runtime, or programs of today, read."""
    yield from _outdated(facts, known)
    demands = [v for v in facts.value(MODEL_FORMAT_VERSIONS) if v.kind in _DECIDED and v.domain in _STANDARD]
    if not demands:
        return
    fact = facts.fact(DISTRIBUTIONS)
    if isinstance(fact, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=DISTRIBUTIONS.name, reason=fact.reason)
    runtime = next((d for d in facts.get_value(DISTRIBUTIONS, ()) if d.name.partition("-")[0] == "onnxruntime"), None)
    if runtime is None:
        raise Undecidable("no ONNX Runtime is installed in this environment")
    undecided = ""
    for demand in demands:
        answer = known.onnx_ceiling(runtime.version, demand.kind, demand.version)
        if answer.value is None:
            undecided = answer.reason
        elif demand.version > answer.value:
            yield CAUSE.finding(
                facts,
                facts.get_value(MODEL_PATH, runtime.name),
                evidence=(MODEL_FORMAT_VERSIONS, DISTRIBUTIONS, *answer.evidence("onnx")),
                # A runtime newer than the table may read more, so it is asked itself; what it refuses is reported then.
                severity=Severity.WARNING if answer.is_newest_row else None,
                confidence=Confidence.LOW if answer.is_newest_row else Confidence.MEDIUM,
                message=_NEWEST if answer.is_newest_row else "",
                kind=demand.kind,
                version=demand.version,
                ceiling=answer.value,
                runtime=runtime.name,
                installed=runtime.version.text,
            )
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


def _outdated(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A GGUF file of a version that programs have given up."""
    for demand in facts.value(MODEL_FORMAT_VERSIONS):
        readers = known.gguf_refused_by(demand.version) if demand.kind == "gguf" else ()
        if readers:
            yield CAUSE.finding(
                facts,
                facts.get_value(MODEL_PATH, "gguf"),
                evidence=(MODEL_FORMAT_VERSIONS, *(each.evidence("gguf") for each in readers)),
                message=_OUTDATED,
                kind=demand.kind,
                version=demand.version,
                oldest=max(each.oldest for each in readers),
                programs=tuple(each.program for each in readers),
            )


_LOWER_IR = "import onnx; m = onnx.load({path!r}); m.ir_version = {ceiling}; onnx.save(m, {target!r})"
_LOWER_OPSET = (
    "import onnx, onnx.version_converter as c; onnx.save(c.convert_version(onnx.load({path!r}), {ceiling}), {target!r})"
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A runtime that reads it, or a copy of the model that this one reads."""
    if "oldest" in params:
        yield Remedy(why=say("Fetch the model in today's GGUF, or convert it anew from its original weights."))
        return
    kind, version, ceiling = str(params.get("kind", "")), params.get("version"), params.get("ceiling")
    first = Knowledge().onnxruntime_for(kind, int(version)) if kind and version is not None else None
    runtime = str(params.get("runtime", ""))
    if runtime:
        yield Remedy(
            why=say("{runtime} {first} is the first release known to read it.", runtime=runtime, first=first)
            if first is not None
            else say("A newer {runtime} may read it.", runtime=runtime),
            commands=(pip_install(facts, "--upgrade", f"{runtime}>={first}" if first else runtime),),
        )
    else:
        yield Remedy(why=say("Upgrade the runtime that refused the model."))
    path = model_file(facts)
    if kind in _DECIDED and path.endswith(".onnx"):
        target = f"{path.removesuffix('.onnx')}.lowered.onnx"
        lower = _LOWER_IR if kind == "onnx-ir" else _LOWER_OPSET
        code = say(lower, path=path, ceiling=ceiling, target=target)
        yield Remedy(
            why=say("Write a copy that this runtime reads; check its answers before it is used."),
            commands=(python(facts, "-c", code),),
            safe=True,
        )
