"""The path or repository name leads nowhere.

## What happens

The loader finds neither a folder nor a repository: `is not a local folder and is not a valid model identifier`,
`Repository Not Found`, `model manifest: file does not exist`, `Load model from x.onnx failed: File doesn't exist`.

## Why

A path that does not exist on this machine (inside this container, seen from this working directory) is taken for a
name on the hub, and asked for there. Names have spelling, upper case and a namespace. Hubs answer the same to a
name that does not exist and to one that this account may not see, so a private model without a token looks like
this too (`hub-unauthorized`).

## How to end it

Give the absolute path as the process sees it, or the full name `namespace/name`. In a container, look whether the
volume is mounted where the path says.

## How to prevent it

Use absolute paths, and check that they exist before starting: `airworthy check MODEL`.

## Example

```
OSError: llm/vicuna-7b is not a local folder and is not a valid model identifier listed on
'https://huggingface.co/models'
If this is a private repository, make sure to pass a token having permission to this repo
```

## References

- https://huggingface.co/docs/transformers/main_classes/model
- https://github.com/ollama/ollama/issues/2292
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="model-not-found",
    severity=Severity.ERROR,
    message="there is no model at {name}",
    unpredictable=(
        "`check` ends at a path that leads nowhere before any cause is asked, and names on a hub are not looked up"
    ),
    signatures=(
        Signature(
            "is not a local folder and is not a valid model identifier",
            r"(?P<name>[^\s'\"]{1,200}) is not a local folder and is not",
        ),
        Signature("is not a local folder and is not a valid model identifier"),
        Signature(
            "Repo id must be in the form", r"'repo_name' or 'namespace/repo_name'(?:: '(?P<name>[^'\n]{1,200})')?"
        ),
        Signature("Repo id must use alphanumeric chars"),
        Signature("Invalid repository ID or local directory specified"),
        Signature("Incorrect path_or_model_id", r"Incorrect path_or_model_id: '(?P<name>[^'\n]{1,200})'"),
        Signature("pull model manifest: file does not exist"),
        Signature(
            "not found, try pulling it first",
            r"model [\\'\"]{0,3}(?P<name>[^\\'\"\s]{1,120})[\\'\"]{0,3} not found, try",
        ),
        Signature("NO_SUCHFILE", r"Load model from (?P<name>\S{1,300}) failed"),
        Signature("NO_SUCHFILE"),
        Signature("Model path does not exist", r"path does not exist: (?P<name>\S{1,300})"),
        Signature("unable to open file: name = '", r"name = '(?P<name>[^'\n]{1,300})', errno = 2"),
        Signature("SavedModel file does not exist at", r"does not exist at: (?P<name>[^\s{]{1,300})", weight=0.97),
        Signature("No file or directory found at", r"found at (?P<name>\S{1,300})", weight=0.97),
        Signature("File not found: filepath=", r"filepath=(?P<name>[^\s,]{1,300}?)\.? ", weight=0.97),
        Signature("RevisionNotFoundError:", weight=0.95),
        Signature("Revision Not Found for url", weight=0.95),
        Signature(
            "failed to open",
            r"failed to open (?:GGUF file )?'?(?P<name>[^\s':]{1,300}\.(?:gguf|bin|ggml))'?",
            weight=0.95,
        ),
        Signature(
            "No versions of servable", r"No versions of servable (?P<name>\S{1,100}) found under base path", weight=0.95
        ),
        Signature(
            "does not exist",
            r"(?i)the model [`'\"\\]{1,2}(?P<name>[^`'\"\\\n]{1,200})[`'\"\\]{1,2} does not exist",
            weight=0.75,
        ),
        Signature(
            "does not exist",
            r"FileNotFoundError: '(?P<name>[^'\n]{1,300}\.(?:pt|pth|onnx|engine|gguf))' does not exist",
            weight=0.92,
        ),
        Signature("is a correct model identifier listed on", weight=0.9),
        Signature(
            " not found",
            r"(?:NotFoundError|\"error\"|Error).{0,60}model [`'\"\\]{1,3}(?P<name>[^`'\"\\\n]{1,120})"
            r"[`'\"\\]{1,3} not found",
            weight=0.88,
        ),
        Signature(
            "Can't load ",
            r"Can't load (?:the )?(?:config(?:uration)?|model|feature extractor|(?:image )?processor)s? (?:of|for)"
            r" '(?P<name>[^'\n]{1,200})'",
            weight=0.87,
        ),
        Signature(
            "Repository Not Found for url",
            r"Repository Not Found for url: https?://[^/\s]{1,60}/(?:api/models/)"
            r"?(?P<name>[\w.-]{1,96}(?:/[\w.-]{1,96})?)",
            weight=0.86,
        ),
        Signature("RepositoryNotFoundError", weight=0.86),
        Signature(
            "No such file or directory: '",
            r"No such file or directory: '(?P<name>[^'\n]{1,300}\.(?:pt|pth|ckpt|onnx|gguf|ggml|h5|hdf5|keras|"
            r"tflite|engine|plan|trt|pkl|pickle"
            r"|joblib|pb|nemo|pdmodel|pdparams|mar))'",
            weight=0.85,
        ),
    ),
    related=("hub-unauthorized", "shard-missing", "hub-unreachable", "volume-not-mounted"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See what there is under that name."""
    name = str(params.get("name", "")) or "MODEL"
    yield Remedy(
        why=say("See whether the path exists for this process; inside a container, look there."),
        commands=(command(facts, "ls", "-ld", name),),
        safe=True,
    )
    yield Remedy(
        why=say("If it is meant to be a name on a hub: give it in full, namespace/name, and log in if it is private."),
        commands=(command(facts, "hf", "download", name, "--dry-run"),),
        safe=True,
    )
