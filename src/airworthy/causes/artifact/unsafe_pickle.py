"""A pickle in the model imports more than plain tensors.

## What happens

PyTorch refuses the file: `Weights only load failed … Unsupported global`. Or it does not refuse it, because the
loader was told not to ask, and whatever the file names is imported and called.

## Why

A pickle is a program. Loading it can import any name and call it, so a checkpoint from a stranger can run any
command. `torch.load` has therefore taken only plain tensors by default since PyTorch 2.6. Many honest checkpoints
hold more: a whole module object, an optimiser, a configuration class.

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
from airworthy.knowledge import Knowledge

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
_RUNNERS = frozenset(
    """
    os posix nt subprocess sys builtins __builtin__ runpy importlib socket shutil ctypes pty commands webbrowser code
    bdb pdb timeit asyncio multiprocessing pickle _pickle dill cloudpickle marshal types functools operator
    """.split()  # noqa: SIM905 - a list of words reads better than forty strings
)
"""Modules from which a pickle imports only to do something; no model needs them."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """One finding a member, naming what it would import."""
    members: dict[str, list[str]] = {}
    plain: dict[str, list[str]] = {}
    for each in facts.value(MODEL_PICKLE_IMPORTS):
        if not each.allowed and each.name not in members.setdefault(each.member, []):
            members[each.member].append(each.name)
        elif each.allowed and not each.weights_only and each.name not in plain.setdefault(each.member, []):
            plain[each.member].append(each.name)
    for member, names in sorted(members.items()):
        if not names:
            continue
        hostile = [name for name in names if name.partition(".")[0] in _RUNNERS]
        shown = (hostile or names)[:_MOST_NAMES]
        yield CAUSE.finding(
            facts,
            member,
            evidence=(MODEL_PICKLE_IMPORTS,),
            message="{member} runs {names} when it is loaded: treat it as an attack" if hostile else "",
            member=member,
            names=tuple(shown),
            hostile=bool(hostile),
        )
    for member, names in sorted(plain.items()):
        compiled = all(name.startswith("__torch__.") for name in names)
        if names and not compiled and not members.get(member):
            yield CAUSE.finding(
                facts,
                member,
                evidence=(MODEL_PICKLE_IMPORTS,),
                severity=Severity.WARNING,
                message=_PLAIN,
                member=member,
                names=tuple(names[:_MOST_NAMES]),
                hostile=False,
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another file, or exactly the names it needs; never the whole door."""
    path = model_file(facts)
    if params.get("hostile"):
        yield Remedy(why=say("Do not load this file. Keep it apart, and tell whoever published it."), safe=True)
        return
    yield Remedy(
        why=say("List everything that the file would import; nothing of it is loaded."),
        commands=(command(facts, "airworthy", "inspect", path),),
        safe=True,
    )
    yield Remedy(why=say("Ask for the same weights as safetensors."), safe=True)
    names = params.get("names", ())
    listed = (names,) if isinstance(names, str) else tuple(names)
    yield Remedy(
        why=say(
            "If you trust where it came from, allow just this with `torch.serialization.add_safe_globals`: {names}.",
            names=listed or say("those of the message"),
        )
    )
