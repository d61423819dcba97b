"""A downloaded package does not match the recorded hash.

## What happens

The installer downloads and then refuses: `THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE`. With
pip the heading appears also where no file of requirements has hashes: the index itself gives them.

## Why

Most often the download was cut short or changed on the way: large wheels of frameworks through a proxy, a mirror, a
full disk, a broken cache. Or the file on the index was replaced since the lock was written, which PyTorch's indexes
and private ones allow. Or an attacker tampered with it, which is what the check is for.

## How to end it

Download once more without the cache. If the same hash comes back, compare it with the publisher's before anything
else; only then write the lock anew.

## How to prevent it

Keep the wheels that were tested in an index of your own; don't let a proxy scan or rewrite them.

## Example

```
Collecting torch==2.5.1+cu121 (from -r requirements-gpu.txt (line 66))
     ---------------------- 2.3/2.4 GB 1.1 MB/s eta 0:01:50
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.
```

## References

- https://pip.pypa.io/en/stable/topics/secure-installs/
- https://github.com/oobabooga/text-generation-webui/issues/4290
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="hash-mismatch",
    severity=Severity.ERROR,
    message="{package} is not the file that the recorded hash stands for",
    unpredictable="what a download brings is known only once it is there",
    signatures=(
        Signature("THESE PACKAGES DO NOT MATCH THE HASHES"),
        Signature("Hash mismatch for", r"Hash mismatch for `?(?P<package>[\w.+=\[\]-]{1,120})"),
        Signature("not found in known hashes"),
        Signature("Retrieved digest for", r"Retrieved digest for (?:link|package|file)? ?(?P<package>[\w.+-]{1,120})"),
        Signature("ChecksumMismatchError"),
        Signature("mismatch between the expected content and downloaded content"),
        Signature("Hash Sum mismatch", weight=0.95),
        Signature("--require-hashes mode", r"(?:[Ii]n|required in) --require-hashes mode", weight=0.85),
        Signature("Expected sha256", r"Expected sha256\s+[0-9a-f]{64}", weight=0.8),
    ),
    related=("file-corrupt", "package-index-unreachable", "disk-full"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Fetch it anew; believe the second answer only after comparing."""
    package = str(params.get("package", "")) or "PACKAGE"
    yield Remedy(
        why=say("Drop what was cached and download once more."),
        commands=(python(facts, "-m", "pip", "cache", "purge"), pip_install(facts, "--no-cache-dir", package)),
        safe=True,
    )
    yield Remedy(why=say("If the hash differs again, compare it with the publisher's before you write a new lock."))
