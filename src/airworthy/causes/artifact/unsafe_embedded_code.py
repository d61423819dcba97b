"""The model carries code that runs when it is loaded or served.

## What happens

Nothing that shows. A layer runs Python bytecode while the model is loaded, a graph reads or writes files while it
answers, a chat template reaches from a prompt to the server's memory. Where a loader guards against it, it stops with
`Lambda layers ... disallowed` or `SecurityError: access to attribute ... is unsafe`.

## Why

Weights are numbers, but several formats hold more: Keras stores Lambda layers as Python bytecode and names classes of
any module; TensorFlow has operators for files, processes and the network; TorchScript can map and write files; a chat
template is a Jinja program, and not every server renders it in a sandbox.

## How to end it

Take the model from its publisher, or without that part: the same layers as plain ones, the graph exported anew to
ONNX, the template replaced by one you have read. If you know who wrote it and have read it, silence this finding for
this model.

## How to prevent it

Ask for safetensors or ONNX; keep `safe_mode=True` when loading Keras models; render templates in an
`ImmutableSandboxedEnvironment`; run servers without rights to what they don't need.

## Example

```
jinja2.exceptions.SecurityError: access to attribute '__class__' of 'str' object is unsafe.
```

## References

- https://keras.io/api/layers/core_layers/lambda/
- https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md
- https://github.com/abetlen/llama-cpp-python/security/advisories/GHSA-56xg-wfcc-g829
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import MODEL_CODE
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="unsafe-embedded-code",
    severity=Severity.ERROR,
    needs=(MODEL_CODE,),
    message="{name} in {member}: {detail}",
    signatures=(
        Signature("object is unsafe", r"access to attribute '[^'\n]{1,100}' of '[^'\n]{1,100}' object is unsafe"),
        Signature("is not safely callable", r"[^\n]{1,200} is not safely callable"),
    ),
    related=("unsafe-pickle", "remote-code-refused", "serialized-code-incompatible"),
)

_IMPORTED = "auto-map"
_TOLD_ELSEWHERE = "config.json"  # by `remote-code-refused`, with what the installed library knows of the architecture
_TRUSTED = "{member} names {name}, which loaders import when they are set to trust the model's code: {detail}"
_BESIDE = "{name} in {member}: {detail}; loading the model doesn't open that file"
_UNSURE = frozenset({"chat-template", "keras-object", "keras-file"})
"""Kinds that are reported because they are on no list of what is harmless, and may be."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """One finding for each part that acts."""
    for each in facts.value(MODEL_CODE):
        imported = each.kind == _IMPORTED
        if imported and each.member == _TOLD_ELSEWHERE:
            continue
        yield CAUSE.finding(
            facts,
            each.member,
            evidence=(MODEL_CODE,),
            # The user who starts it has to allow it, or to open the file.
            severity=Severity.WARNING if imported or not each.opened else None,
            confidence=Confidence.MEDIUM if each.kind in _UNSURE else Confidence.HIGH,
            message=_TRUSTED if imported else "" if each.opened else _BESIDE,
            member=each.member,
            name=each.name,
            detail=each.detail,
            kind=each.kind,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Look, then do without."""
    path = model_file(facts, str(params.get("member", "")))
    yield Remedy(
        why=say("See everything in it that acts; nothing of it is run."),
        commands=(command(facts, "airworthy", "inspect", "--format", "json", path),),
        safe=True,
    )
    yield Remedy(why=say("Ask its publisher for a version without it, as safetensors or ONNX."), safe=True)
