"""A file of the model is missing: a shard, the configuration, an index.

## What happens

The folder is there, and the loader asks for a file that is not in it: `Error no file named pytorch_model.bin,
model.safetensors … found in directory`, `does not appear to have a file named config.json`, `External data path
does not exist`.

## Why

A model is several files, and a copy took some: weights without configuration, two shards of three, an `.onnx`
without its `.onnx_data`, a folder of adapters taken for the whole model. A download that broke off leaves what it
had. Or the path is one folder too high or too low.

## How to end it

Fetch the missing file into the same folder, from the same revision. If the folder has none of them, correct the
path.

## How to prevent it

Copy whole folders, and compare with the index; hub tools resume and check what is there.

## Example

```
OSError: Error no file named pytorch_model.bin, model.safetensors, tf_model.h5, model.ckpt.index or
flax_model.msgpack found in directory ./xcodec_mini_infer/semantic_ckpts.
```

## References

- https://huggingface.co/docs/huggingface_hub/guides/download
- https://onnxruntime.ai/docs/tutorials/web/large-models.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_folder
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_DEFECTS, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="shard-missing",
    severity=Severity.ERROR,
    needs=(MODEL_DEFECTS,),
    uses=(MODEL_PATH,),
    message="{name} is missing: {detail}",
    signatures=(
        Signature("Error no file named", r"no file named (?P<name>[^\n]{1,200}?) found in directory"),
        Signature("Cannot find any model weights with"),
        Signature("No local weights found in"),
        Signature("No .safetensors weights found"),
        Signature("does not appear to have files named", r"files named \(?['\"](?P<name>[^'\"\n]{1,200})"),
        Signature(
            "no file named ", r"no file named (?P<name>[\w.-]{1,120}\.(?:bin|safetensors|json|model))", weight=0.9
        ),
        Signature("cannot get file size", r"No such file or directory \[(?P<name>[^\]\n]{1,300})\]", weight=0.92),
        Signature(
            "but it doesn't exist or is not accessible", r"should be stored in (?P<name>[^\n,]{1,200}), but it doesn't"
        ),
        Signature("does not appear to have a file named", r"a file named (?P<name>[\w./-]{1,200}\w)", weight=0.97),
        Signature(
            "No such file or directory",
            r"No such file or directory: [\"']?(?P<name>[^\s\"']{0,300}-\d{5}-of-\d{5}\.\w{1,20})",
            weight=0.95,
        ),
        Signature("Could not locate", r"Could not locate (?P<name>[\w./-]{1,200}) inside", weight=0.95),
        Signature(
            "xternal",
            r"(?i)external (?:data|initializer)\w* (?:path|file)?.{0,300}(?:does not exist|doesn't exist|No such "
            r"file|not found)",
            weight=0.95,
        ),
        Signature("GetFileLength for", r"GetFileLength for (?P<name>\S{1,300}) failed", weight=0.95),
        Signature("no checkpoint files found in", weight=0.95),
        Signature("GGUF split", r"failed to load GGUF split from (?P<name>\S{1,300})", weight=0.95),
        Signature("model must be loaded with the first split", weight=0.92),
        Signature(
            "Entry Not Found for url",
            r"Entry Not Found for url: https?://\S{1,300}/(?P<name>[\w.-]{1,120}\w)",
            weight=0.92,
        ),
        Signature("Unable to open file '", r"Unable to open file '(?P<name>[^'\n]{1,100})' in model", weight=0.9),
        Signature("missing tensor: ", r"missing tensor: (?P<name>[\w.]{1,200})", weight=0.88),
        Signature(
            "No such file or directory: ",
            r"No such file or directory: ['\"](?P<name>[^'\"\n]{0,300}(?:\.safetensors|pytorch_model[\w.-]*\.bin|"
            r"\.index\.json|config\.json"
            r"|generation_config\.json|\d{5}-of-\d{5}[\w.]*|\.onnx[._]data|vocab\.\w+|merges\.txt|tokenizer[\w.]*)"
            r")['\"]",
            weight=0.88,
        ),
        Signature("Can't load weights for", weight=0.85),
    ),
    related=("model-not-found", "lfs-pointer", "file-corrupt", "tokenizer-broken"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The files that another file of the model names and that are not there."""
    for defect in facts.value(MODEL_DEFECTS):
        if defect.kind == "missing":
            yield CAUSE.finding(
                facts, defect.member, evidence=(MODEL_DEFECTS,), name=defect.member, detail=defect.detail
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See what is there, fetch what is not."""
    folder = model_folder(facts)
    name = str(params.get("name", ""))
    yield Remedy(
        why=say("See what the folder holds; the path may be one folder off."),
        commands=(command(facts, "ls", "-l", folder),),
        safe=True,
    )
    plain = name and not set(name) & set(" ,/\\")
    wanted = ("REPOSITORY", name) if plain else ("REPOSITORY",)
    yield Remedy(
        why=say(
            "Fetch what is missing from where the rest came, in the same revision; name the repository in place "
            "of REPOSITORY."
        ),
        commands=(command(facts, "hf", "download", *wanted, "--local-dir", folder),),
        safe=True,
    )
