"""The model is not what its publisher signed.

## What happens

A model is refused before it is loaded: `Signature mismatch`, `Key mismatch`, `Missing files in model`. Or a service
that asks for signatures does not start with a model that has none.

## Why

A signature is over the hash of every file. A file was changed, added, lost or renamed since, by a download that was
cut, by a tool that wrote into the folder, or by an attacker. Or the signature is by another key than the one
that is trusted: another publisher, a new key, or another signer.

## How to end it

Take the model and its signature from the publisher again, into an empty folder. Where the publisher has a new key, take
that from where you trust it. Where you changed the model yourself, sign it with your own key and trust that.

## How to prevent it

Keep notes, caches and logs out of a model's folder. Copy folders with their signature. Have services ask for
signatures: `[serve] require_signature`.

## Example

```
Verification failed with error: Signature mismatch: ["Extra files found in model 'minilm': notes.txt"]
```

## References

- https://github.com/ossf/model-signing-spec
- https://github.com/sigstore/model-transparency
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_SIGNATURE
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="signature-invalid",
    severity=Severity.ERROR,
    needs=(MODEL_SIGNATURE,),
    message="{detail}",
    signatures=(
        Signature("Signature mismatch: [", r"(?P<detail>Signature mismatch: \[[^\n]{1,1000})"),
        Signature(
            "Key mismatch: The public key hash",
            r"(?P<detail>Key mismatch: The public key hash in the signature's verification material does not match)",
        ),
        Signature(
            "Signing certificate cannot be used for signing",
            r"(?P<detail>Signing certificate cannot be used for signing)",
        ),
        Signature(
            "Manifest is inconsistent. Root digest is",
            r"(?P<detail>Manifest is inconsistent\. Root digest is [^\n]{1,300})",
        ),
    ),
    related=("file-corrupt", "hash-mismatch"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """One finding where a signature is requested and none by who is trusted holds."""
    signature = facts.value(MODEL_SIGNATURE)
    if signature.state in ("invalid", "missing"):
        yield CAUSE.finding(
            facts,
            signature.path,
            evidence=(MODEL_SIGNATURE,),
            detail=signature.detail,
            kind=signature.kind,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See what differs, then take it anew."""
    yield Remedy(
        why=say("See what differs, with the publisher's public key."),
        commands=(command(facts, "airworthy", "verify", "--key", "KEY", model_file(facts, "")),),
        safe=True,
    )
    yield Remedy(why=say("Take the model and its signature from the publisher again, into an empty folder."), safe=True)
