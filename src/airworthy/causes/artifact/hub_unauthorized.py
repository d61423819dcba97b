"""The model is gated or private, or the token is bad.

## What happens

The hub answers 401 or 403: `Cannot access gated repo`, `You must be authenticated to access it`, `Invalid
credentials in Authorization header`. With a token that has expired even public models answer so, under the heading
`Repository Not Found`.

## Why

Some models are given only to who accepted their terms, some only to members. The request came without a token, with
one of another account, with one whose rights do not cover gated models (fine-grained tokens), or with an old one
that is still in the environment or the cache and is sent with everything.

## How to end it

Accept the terms on the model's page with the account that the token is of, and log in here with a token that may
read gated models. If the model is public, remove the old token.

## How to prevent it

Download once with the right account and serve from a folder: then a service needs no token at all.

## Example

```
huggingface_hub.utils._errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-6604c5e0)
Cannot access gated repo for url https://huggingface.co/meta-llama/Llama-2-7b-chat-hf/resolve/main/config.json.
Repo model meta-llama/Llama-2-7b-chat-hf is gated. You must be authenticated to access it.
```

## References

- https://huggingface.co/docs/hub/models-gated
- https://huggingface.co/docs/hub/security-tokens
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="hub-unauthorized",
    severity=Severity.ERROR,
    message="the hub does not give {model} to this account",
    unpredictable="what an account may read is known only to the hub, and a check makes no request",
    signatures=(
        Signature(
            "Cannot access gated repo",
            r"gated repo for url https?://[^/\s]{1,60}/(?:api/models/)?(?P<model>[\w.-]{1,96}/[\w.-]{1,96})",
        ),
        Signature("GatedRepoError"),
        Signature("Cannot access gated repo"),
        Signature("You are trying to access a gated repo"),
        Signature("is gated. You must"),
        Signature("is restricted", r"Access to (?:model|dataset) (?P<model>\S{1,200}) is restricted"),
        Signature("awaiting a review from the repo authors"),
        Signature("has been rejected by the repo's authors"),
        Signature("Invalid credentials in Authorization header"),
        Signature("Invalid user token"),
        Signature("but no token found", r"Token is required"),
        Signature("LocalTokenNotFoundError"),
        Signature("Access Token", r"Access Token .{1,100} (?:is|has) expired"),
        Signature("enable access to public gated repositories"),
        Signature("Authentication failed for 'https://huggingface.co"),
        Signature("You don't have permission to access resource at URL"),
        Signature("Invalid token passed", weight=0.95),
        Signature(
            " Client Error",
            r"40[13] Client Error: (?:Unauthorized|Forbidden) for url: https?://(?:huggingface\.co|hf\.co|"
            r"www\.kaggle\.com)",
            weight=0.92,
        ),
        Signature("pull model manifest: 40", r"manifest: 40[13]", weight=0.92),
        Signature("Invalid username or password.", weight=0.4),
    ),
    related=("model-not-found", "hub-unreachable", "auth-failure"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Terms, then token; or no token."""
    model = params.get("model")
    yield Remedy(
        why=say(
            "Accept the model's terms at https://huggingface.co/{model} with the account that the token is of.",
            model=model,
        )
        if model
        else say("Accept the terms on the model's page with the account that the token is of."),
        safe=True,
    )
    yield Remedy(
        why=say("See which account is in use, then log in with a token that may read gated models."),
        commands=("hf auth whoami", "hf auth login"),
    )
    yield Remedy(
        why=say("If the model is public, remove the old token that is sent along."),
        commands=("unset HF_TOKEN HUGGING_FACE_HUB_TOKEN", "hf auth logout"),
    )
