"""An error page or an empty answer was saved in place of the file.

## What happens

The file is a few kilobytes, and every loader complains about its first bytes: `invalid load key, '<'`, `Expecting
value: line 1 column 1`, `model identifier '<!do'`. Opened in an editor it is a web page.

## Why

A program asked for a file and saved whatever came: a log-in page, `Entry not found`, a virus warning of a file
host, a proxy's own error, the page about a file in place of the file (`/blob/` in place of `/resolve/`). Plain
`curl` and `wget` do not say unless they are asked to (`--fail`).

## How to end it

Read the page: it says what went wrong. Then fetch the file with the right address, or with the hub's own tool.

## How to prevent it

Download with tools that check status, size and hash: `hf download`, `curl --fail --location`.

## Example

```
ValueError: Model provided has model identifier '<!do', should be 'TFL3'
```

## References

- https://huggingface.co/docs/hub/models-downloading
- https://curl.se/docs/manpage.html#-f
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_DEFECTS, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="download-is-error-page",
    severity=Severity.ERROR,
    needs=(MODEL_DEFECTS,),
    uses=(MODEL_PATH,),
    message="{member} is a saved answer of a web server: {detail}",
    signatures=(
        Signature("model identifier '", r"has model identifier '<"),
        Signature("invalid magic ", r"invalid magic characters:? '<"),
        Signature(
            "HTML document", r"\.(?:pt|pth|bin|ckpt|onnx|safetensors|gguf|zip|gz|h5|pkl|engine)\S{0,40}: HTML document"
        ),
        Signature("could not convert string to float: '<", weight=0.97),
        Signature("Not a gzipped file (b'<", weight=0.97),
        Signature("invalid load key, '", r"invalid load key, '[EIAN4]'", weight=0.92),
        Signature("Cannot retrieve the public link of the file", weight=0.92),
        Signature("Too many users have viewed or downloaded this file recently", weight=0.92),
        Signature("invalid load key, '<'", weight=0.87),
        Signature("[text/html]", r"Length: .{1,60}\[text/html\]", weight=0.85),
        Signature("not in gzip format", weight=0.75),
        Signature("This does not look like a tar archive", weight=0.75),
        Signature("End-of-central-directory signature not found", weight=0.75),
        Signature("JSONDecodeError: Expecting value: line 1 column 1", weight=0.65),
    ),
    related=("lfs-pointer", "wrong-format", "file-corrupt", "hub-unauthorized"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The files that are web pages."""
    for defect in facts.value(MODEL_DEFECTS):
        if defect.kind == "error-page":
            yield CAUSE.finding(
                facts, defect.member, evidence=(MODEL_DEFECTS,), member=defect.member, detail=defect.detail
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Read the answer, then ask again in another way."""
    path = model_file(facts, str(params.get("member", "")))
    yield Remedy(
        why=say("Read what was saved: it says why the file was not given."),
        commands=(command(facts, "head", "-c", "1000", path),),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Fetch the file anew, with a tool that refuses an error: put the address of the file itself in place "
            "of ADDRESS."
        ),
        commands=(command(facts, "curl", "--fail", "--location", "--output", path, "ADDRESS"),),
    )
