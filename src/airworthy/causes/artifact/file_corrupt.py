"""A model file is truncated or damaged.

## What happens

Loading stops while the file is read: no central directory in a zip archive, fewer bytes than the header promises, a
checksum that differs. Sometimes it loads and gives wrong answers.

## Why

A download or copy broke off, a disk filled up on the way (`disk-full`), two processes wrote the same file, or a
transfer in text mode changed line ends. A file that was never the model looks alike: see `lfs-pointer` and
`download-is-error-page`.

## How to end it

Fetch the file again and compare its SHA-256 with the publisher's. There is no repair: the missing bytes are gone.

## How to prevent it

Download to a temporary name and rename after the checksum is right, as hub tools do; run `airworthy inspect` before
a release, which reads headers and bounds without loading.

## Example

```
    pl_sd = torch.load(ckpt, map_location="cpu")
RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory
```

## References

- https://github.com/huggingface/safetensors#format
- https://github.com/CompVis/stable-diffusion/issues
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file, on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import MODEL_DEFECTS, MODEL_LFS_POINTERS, MODEL_PATH, WEIGHT_FAULTS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="file-corrupt",
    severity=Severity.ERROR,
    needs=(MODEL_DEFECTS,),
    uses=(MODEL_LFS_POINTERS, MODEL_PATH, WEIGHT_FAULTS),
    message="{member} is damaged ({kind}): {detail}",
    signatures=(
        Signature("failed finding central directory"),
        Signature("PytorchStreamReader failed reading", r"failed reading (?:zip archive|file)"),
        Signature("The file might be corrupted"),
        Signature("unexpected EOF, expected", r"expected \d+ more bytes"),
        Signature("pickle data was truncated"),
        Signature("MetadataIncompleteBuffer"),
        Signature("incomplete metadata, file not fully covered"),
        Signature("digest mismatch, file must be downloaded again"),
        Signature("model is corrupted or incomplete"),
        Signature("truncated file: eof = "),
        Signature("Bad CRC-32 for file"),
        Signature("file should be of size", r"Consistency check failed: file should be of size"),
        Signature(
            "is not a valid JSON file",
            r"(?:the config file|configuration file) at '(?P<file>[^'\n]{1,300})' is not a valid JSON file",
            weight=0.9,
            message="{file} is not whole",
        ),
        Signature("HeaderTooSmall", weight=0.9),
        Signature("unexpectedly reached end of file", weight=0.9),
        Signature("got 0.0.0, please rebuild", r"expecting library version [\d.]+ got 0\.0\.0", weight=0.9),
        Signature("invalid load key, '\\x00'", weight=0.8),
        Signature("EOFError: Ran out of input", weight=0.8),
        Signature("Protobuf parsing failed", weight=0.8),
        Signature("INVALID_PROTOBUF", weight=0.75),
        Signature("InvalidHeaderLength", weight=0.7),
        Signature("InvalidHeaderDeserialization", weight=0.7),
        Signature("BadZipFile: File is not a zip file", weight=0.5),
        # Of an archive that lacks its end, recent releases say no more than `Invalid argument`, on another line.
        Signature("super().__init__(torch._C.PyTorchFileReader(", weight=0.5),
        Signature("HeaderTooLarge", r"HeaderTooLarge\b", weight=0.45),
    ),
    related=("lfs-pointer", "download-is-error-page", "wrong-format", "disk-full", "hash-mismatch"),
)

_OTHERS = frozenset({"missing", "error-page"})
"""Kinds that `shard-missing` and `download-is-error-page` report."""
# Bytes after the end of the data are never read, and are there by accident; a link may be meant.
_HARMLESS = frozenset({"padded", "link"})
_WHOLE = frozenset({"bomb", "link", "path"})
"""Kinds by which nothing is damaged: the message must not say so."""


_NUMBERS = {
    **dict.fromkeys(("zero", "constant", "scale", "differs"), Severity.WARNING),
    **dict.fromkeys(("constant-rows", "duplicate", "subnormal"), Severity.INFO),
}
"""What numbers can show of damage, and how much it matters: a file may be whole, and its weights still not be."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Every place where a file disagrees with its format, unless what is wrong has a name of its own."""
    pointers = {pointer.path for pointer in facts.get_value(MODEL_LFS_POINTERS, ())}
    for defect in facts.value(MODEL_DEFECTS):
        if defect.member in pointers or defect.kind in _OTHERS:
            continue
        yield CAUSE.finding(
            facts,
            defect.member,
            evidence=(MODEL_DEFECTS,),
            severity=Severity.WARNING if defect.kind in _HARMLESS else Severity.ERROR,
            message="{member}: {detail}" if defect.kind in _WHOLE else "",
            member=defect.member,
            kind=defect.kind,
            detail=defect.detail,
        )
    for fault in facts.get_value(WEIGHT_FAULTS, ()):
        if fault.kind in _NUMBERS:
            yield CAUSE.finding(
                facts,
                fault.member,
                evidence=(WEIGHT_FAULTS,),
                severity=_NUMBERS[fault.kind],
                confidence=Confidence.LOW,
                message="{tensor} in {member}: {detail}",
                member=fault.member,
                tensor=fault.tensor,
                kind=fault.kind,
                detail=fault.detail,
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Compare, then fetch again."""
    path = model_file(facts, str(params.get("member", "")))
    compare = ("certutil", "-hashfile", path, "SHA256") if on_windows(facts) else ("sha256sum", path)
    yield Remedy(
        why=say("Compare the file's SHA-256 with the publisher's."), commands=(command(facts, *compare),), safe=True
    )
    yield Remedy(why=say("Fetch the file again from where it came; it can't be repaired."))
