r"""The loader got another format than it reads.

## What happens

Loading stops at the first bytes, in the loader's own words: `invalid load key, '\x1a'` (a pickle was expected),
`invalid magic number` (GGUF), `file signature not found` (HDF5), `failed locating file constants.pkl` (TorchScript).

## Why

Loaders choose by the file's name, or by what their caller asked for, and not by content. A safetensors file ends up
in `torch.load`, a state dict in `torch.jit.load`, a GGML file of 2023 in a program that reads GGUF, a Keras 3 file in
Keras 2. A Git LFS pointer (`lfs-pointer`) and a saved web page (`download-is-error-page`) look the same to a loader.

## How to end it

Find out what the file really is, then load it with what reads that, or rename it to what it is. Convert only where
nothing reads it.

## How to prevent it

Keep the suffix that the format has. Check each file once when it comes in.

## Example

```
  File "/opt/venv/lib/python3.10/site-packages/torch/serialization.py", line 1328, in _legacy_load
    magic_number = pickle_module.load(f, **pickle_load_args)
_pickle.UnpicklingError: invalid load key, '\x1a'.
```

## References

- https://github.com/huggingface/safetensors#format
- https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_MISNAMED, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="wrong-format",
    severity=Severity.ERROR,
    needs=(MODEL_MISNAMED,),
    uses=(MODEL_PATH,),
    message="{member} is named {suffix} and holds {content}",
    signatures=(
        Signature("file signature not found"),
        Signature("File format not supported: filepath="),
        Signature("does not contain the valid metadata"),
        Signature("GGUF magic invalid"),
        Signature("invalid file magic"),
        Signature("Expected a GGUF file", weight=0.95),
        Signature("not a GGUF file", weight=0.95),
        Signature("invalid magic ", r"invalid magic (?:number|characters)(?!:? *'?(?:vers|<!))", weight=0.95),
        Signature("(bad magic)", weight=0.95),
        Signature("failed locating file", r"PytorchStreamReader failed locating file", weight=0.95),
        Signature(
            "with TorchScript archives", r"Cannot use `{0,2}weights_only=True`{0,2} with TorchScript", weight=0.95
        ),
        Signature("model identifier '", r"has model identifier '(?!<!)[^'\n]{0,20}', should be 'TFL3'", weight=0.95),
        Signature("invalid load key, '", r"invalid load key, '(?!v'|\\x00|[EIAN4]')", weight=0.9),
        Signature("Invalid magic number; corrupt file?", weight=0.9),
        Signature("ModelProto does not have a graph", weight=0.9),
        Signature("is not a valid Flatbuffer buffer", weight=0.9),
        Signature("Failed to interpret file", r"Failed to interpret file .{1,300} as a pickle", weight=0.9),
        Signature("unsupported content type", weight=0.85),
        Signature("Cannot load file containing pickled data when allow_pickle=False", weight=0.75),
        Signature("Expected state_dict to be dict-like", weight=0.75),
        Signature("Not a gzipped file", r"Not a gzipped file \(b'(?!<)", weight=0.7),
        Signature("Error while deserializing header: Invalid", r"InvalidHeader\b(?!D|L)", weight=0.75),
        Signature("Error parsing message with type 'onnx", weight=0.65),
        Signature("Wrong wire type in tag", weight=0.65),
    ),
    related=("file-corrupt", "lfs-pointer", "download-is-error-page", "format-version-unsupported"),
)

_SUFFIXES = {"safetensors": ".safetensors", "GGUF": ".gguf", "HDF5": ".h5", "a pickle": ".pt", "a ZIP archive": ".pt"}


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The files whose suffix names another format than their content."""
    for each in facts.value(MODEL_MISNAMED):
        yield CAUSE.finding(
            facts,
            each.member,
            evidence=(MODEL_MISNAMED,),
            member=each.member,
            suffix=each.suffix,
            content=each.content,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Look, then call it what it is."""
    member, content = str(params.get("member", "")), str(params.get("content", ""))
    path = model_file(facts, member)
    suffix = _SUFFIXES.get(content, "")
    if suffix:
        right = str(PurePosixPath(path).with_suffix(suffix))
        yield Remedy(
            why=say("Name the file for what it holds, {content}; loaders choose by the name.", content=content),
            commands=(command(facts, "mv", path, right),),
        )
    yield Remedy(
        why=say("See what the file is; nothing of it is loaded."),
        commands=(command(facts, "airworthy", "inspect", path),),
        safe=True,
    )
    yield Remedy(
        why=say("Load it with a program that reads its format, or take the model in the format that yours reads.")
    )
