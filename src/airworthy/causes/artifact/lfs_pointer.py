"""The file is a Git LFS pointer, not the weights.

## What happens

Loading a model fails at its first bytes, in whatever words the loader has for "not my format": `invalid load key,
'v'`, `HeaderTooLarge`, `invalid magic characters`. The file is some 130 bytes long.

## Why

The repository keeps large files with Git LFS. Cloned without LFS installed, or with `GIT_LFS_SKIP_SMUDGE=1`, or
downloaded as a source archive, it holds small text files that name the content by its hash in place of the content.
They begin with `version https://git-lfs.github.com/spec/v1`, hence the `v`.

## How to end it

Fetch the content with `git lfs pull` in the clone, or download the files anew with the hub's own tool.

## How to prevent it

Install Git LFS on build machines (`git lfs install`), and let `airworthy inspect` read a model before it is
packed.

## Example

```
  File "/opt/venv/lib/python3.8/site-packages/torch/serialization.py", line 777, in _legacy_load
    magic_number = pickle_module.load(f, **pickle_load_args)
_pickle.UnpicklingError: invalid load key, 'v'.
```

## References

- https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
- https://huggingface.co/docs/hub/models-downloading
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_folder
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_LFS_POINTERS, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="lfs-pointer",
    severity=Severity.ERROR,
    needs=(MODEL_LFS_POINTERS,),
    uses=(MODEL_PATH,),
    message="{path} is a Git LFS pointer; the {size:bytes} it stands for are not here ({count} such in all)",
    signatures=(
        Signature("version https://git-lfs.github.com/spec"),
        Signature("invalid magic characters", r"invalid magic characters:? *'?vers"),
        Signature("Unsupported operand 118", weight=0.95),  # ord("v") where PyTorch expected an opcode
        Signature("invalid load key, 'v'", weight=0.9),
        Signature("LFS pointer", r"(?i)\bis (?:still )?(?:just )?an? (?:git[ -])?LFS pointer", weight=0.9),
        Signature("HeaderTooLarge", weight=0.55),
        Signature("Error while deserializing header: header too large", weight=0.55),
    ),
    related=("file-corrupt", "download-is-error-page", "wrong-format", "shard-missing"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """One finding for all of them: one command ends them all."""
    pointers = facts.value(MODEL_LFS_POINTERS)
    if pointers:
        yield CAUSE.finding(
            facts,
            pointers[0].path,
            evidence=(MODEL_LFS_POINTERS,),
            path=pointers[0].path,
            paths=tuple(pointer.path for pointer in pointers),
            size=sum(pointer.size for pointer in pointers),
            count=len(pointers),
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Fetch what the pointers stand for."""
    folder = model_folder(facts)
    yield Remedy(
        why=say("Fetch the content in the clone that holds the pointers; it needs Git LFS."),
        commands=(
            command(facts, "git", "-C", folder, "lfs", "install", "--local"),
            command(facts, "git", "-C", folder, "lfs", "pull"),
        ),
        safe=True,
    )
    yield Remedy(why=say("Without the clone: download the files with the hub's own tool, `hf download`."), safe=True)
