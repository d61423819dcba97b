"""A pickle in the model imports more than plain tensors.

## What happens

PyTorch refuses the file: `Weights only load failed … Unsupported global`. Or it does not refuse it, because the
loader was set not to ask, and whatever the file names is imported and called.

## Why

A pickle is a program. Loading it can import any name and call it, so a checkpoint from a stranger can run any
command. `torch.load` has therefore taken only plain tensors by default since PyTorch 2.6. Many honest checkpoints
hold more: a whole module object, an optimiser, a configuration class.

Beside the weights lie other pickles: states of optimisers, arguments of a training, arrays of objects, weights in the
older format. What loading the model opens is an error; what only another program opens is a warning that names it.
Where a pickle can't be followed to its end, what it would import is unknown, and that is a finding, too.

## How to end it

Ask for the weights as safetensors. If you know and trust where the file came from, allow exactly the names that it
needs with `torch.serialization.add_safe_globals`, and save the plain state dict from there. Do not set
`weights_only=False` for a file from elsewhere.

## How to prevent it

Save `model.state_dict()` or safetensors, never the module object; take safetensors from hubs.

## Example

```
_pickle.UnpicklingError: Weights only load failed. This file can still be loaded, to do so you have two options
WeightsUnpickler error: Unsupported global: GLOBAL ultralytics.nn.tasks.DetectionModel was not an allowed global
by default.
```

## References

- https://docs.pytorch.org/docs/stable/notes/serialization.html
- https://docs.python.org/3/library/pickle.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_PATH, MODEL_PICKLE_IMPORTS
from airworthy.core.messages import say
from airworthy.core.values import PickleImport
from airworthy.knowledge import Knowledge
from airworthy.knowledge.pickle_actions import acts

CAUSE = Cause(
    slug="unsafe-pickle",
    severity=Severity.ERROR,
    needs=(MODEL_PICKLE_IMPORTS,),
    uses=(MODEL_PATH,),
    message="{member} would import {names} when it is loaded",
    signatures=(
        Signature(
            "Unsupported global: GLOBAL",
            r"Unsupported global: GLOBAL (?P<names>[\w.]{1,200})",
            message="the checkpoint would import {names} when it is loaded",
        ),
        Signature("The file may be malicious, so the program is not going to read it"),
        Signature("Weights only load failed", weight=0.6),
    ),
    related=("wrong-format", "remote-code-refused", "framework-too-old-refused", "serialized-code-incompatible"),
)

_MOST_NAMES = 5
_PLAIN = "{member} holds {names}: plain data, which `torch.load` refuses all the same unless it is allowed by name"
_ATTACK = "{member} runs {names} when it is loaded: treat it as an attack"
_UNKNOWN = "what {member} would import when it is loaded is unknown: {reason}"
_BESIDE = "{member} would import {names} when {loader} opens it"
_BESIDE_ATTACK = "{member} runs {names} when {loader} opens it: treat it as an attack"
_BESIDE_UNKNOWN = "what {member} would import when {loader} opens it is unknown: {reason}"
_NOT_OPENED = "; loading the model doesn't open it"


class _Member:
    """What is known of the imports of one file, or of one member of an archive."""

    def __init__(self) -> None:
        self.refused: dict[str, None] = {}
        self.plain: dict[str, None] = {}
        self.reason = ""
        self.loader = ""
        self.opened = True

    def add(self, each: PickleImport) -> None:
        self.reason = self.reason or each.reason
        self.loader, self.opened = each.loader, each.opened
        if not each.allowed and each.name:
            self.refused[each.name] = None
        elif each.allowed and not each.weights_only:
            self.plain[each.name] = None

    def message(self, *, hostile: bool) -> str:
        """The template of the sentence; empty for the cause's own."""
        unknown = not self.refused
        if not self.loader:
            return _ATTACK if hostile else _UNKNOWN if unknown else ""
        template = _BESIDE_ATTACK if hostile else _BESIDE_UNKNOWN if unknown else _BESIDE
        return template if self.opened else template + _NOT_OPENED


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """One finding a member, naming what it would import."""
    members: dict[str, _Member] = {}
    for each in facts.value(MODEL_PICKLE_IMPORTS):
        members.setdefault(each.member, _Member()).add(each)
    for name, member in sorted(members.items()):
        if member.refused or member.reason:
            hostile = [each for each in member.refused if acts(each)]
            yield CAUSE.finding(
                facts,
                name,
                evidence=(MODEL_PICKLE_IMPORTS,),
                severity=None if member.opened else Severity.WARNING,
                message=member.message(hostile=bool(hostile)),
                member=name,
                names=tuple((hostile or [*member.refused])[:_MOST_NAMES]),
                hostile=bool(hostile),
                reason=member.reason,
                loader=member.loader,
            )
    for name, member in sorted(members.items()):
        compiled = all(each.startswith("__torch__.") for each in member.plain)
        if member.plain and not compiled and not member.refused and not member.reason and not member.loader:
            yield CAUSE.finding(
                facts,
                name,
                evidence=(MODEL_PICKLE_IMPORTS,),
                severity=Severity.WARNING,
                message=_PLAIN,
                member=name,
                names=tuple([*member.plain][:_MOST_NAMES]),
                hostile=False,
            )


def _listed(params: dict[str, Any]) -> tuple[str, ...]:
    """The names that the file would import."""
    names = params.get("names", ())
    return (names,) if isinstance(names, str) else tuple(names)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another file, or exactly the names it needs; never the whole door."""
    path = model_file(facts)
    if params.get("hostile"):
        yield Remedy(why=say("Do not load this file. Keep it apart, and report its publisher."), safe=True)
        return
    if any(str(name).startswith("sklearn.") for name in _listed(params)):
        yield Remedy(
            why=say(
                "Where you trust its maker, convert it to ONNX with skl2onnx: `airworthy inspect` prints the command. "
                "Else ask for the model as ONNX or skops; scikit-learn has no safetensors."
            )
        )
        return
    yield Remedy(
        why=say("List everything that the file would import and call; nothing of it is loaded."),
        commands=(command(facts, "airworthy", "inspect", "-v", path),),
        safe=True,
    )
    yield Remedy(why=say("Ask for the same weights as safetensors."), safe=True)
    listed = _listed(params)
    if not listed and params.get("reason"):
        return
    yield Remedy(
        why=say(
            "If you trust where it came from, allow just this with `torch.serialization.add_safe_globals`: {names}.",
            names=listed or say("those of the message"),
        )
    )
