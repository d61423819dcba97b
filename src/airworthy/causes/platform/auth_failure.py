"""The model service refused the caller: no key, a wrong one, or one without the role.

## What happens

Every call ends with 401 or 403, while the service runs and answers others: `Incorrect API key provided`, `"POST
/v1/chat/completions HTTP/1.1" 401 Unauthorized`, `AuthenticationError`.

## Why

401 says that the caller is not known: no `Authorization: Bearer …` header, a key of another service, an expired one, a
line break read along from a file, or a proxy that drops the header. 403 says that the caller is known and may not do
that. A client library sends what it finds in `OPENAI_API_KEY`, which may be the key of quite another service; a server
takes a key from its environment (`VLLM_API_KEY`) and then asks everyone for it.

A model hub that refuses a download is another cause, see `hub-unauthorized`.

## How to end it

Ask with the key by hand. If that works, the client sends another one: check its variables and its base URL. For
403 have the role added.

## How to prevent it

Keep one secret a service, hand it to clients through one variable, and watch the rate of 401.

## Example

```
INFO:     127.0.0.1:46001 - "POST /v1/chat/completions HTTP/1.1" 401 Unauthorized
```

## References

- https://platform.openai.com/docs/guides/error-codes
- https://github.com/vllm-project/vllm/issues/22407
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import TARGET_ENDPOINT
from airworthy.core.messages import say

# Hubs, indexes and registries refuse in the same words and are other causes; probes carry no key by design.
_NOT_ELSEWHERE = (
    r"^(?!.{0,1500}(?:huggingface|hf\.co\b|hf-mirror|modelscope|[Rr]epository|[Gg]ated|/resolve/|/api/models/"
    r"|/simple/|pypi|pythonhosted|/v2/\S{1,200}/manifests|docker|ghcr\.io|nvcr\.io|quay\.io|kube-probe/|probe failed"
    r"|[Pp]ull|manifest|Request ID))"
)
_STATUS = "the service refused the call with {status}"

CAUSE = Cause(
    slug="auth-failure",
    severity=Severity.ERROR,
    uses=(TARGET_ENDPOINT,),
    message="the service refused the call with {status}",
    unpredictable="the key is with the caller",
    signatures=(
        Signature("401 Unauthorized", _NOT_ELSEWHERE + r".{0,1500}?\b(?P<status>401) Unauthorized"),
        Signature("403 Forbidden", _NOT_ELSEWHERE + r".{0,1500}?\b(?P<status>403) Forbidden", weight=0.9),
        Signature('HTTP/1.1" 401', _NOT_ELSEWHERE + r'.{0,1500}?HTTP/1.1" (?P<status>401)\b', weight=0.95),
        Signature('HTTP/1.1" 403', _NOT_ELSEWHERE + r'.{0,1500}?HTTP/1.1" (?P<status>403)\b', weight=0.85),
        Signature("Error code: 40", _NOT_ELSEWHERE + r".{0,1500}?Error code: (?P<status>40[13]) - "),
        Signature("401 Client Error: ", _NOT_ELSEWHERE + r".{0,1500}?(?P<status>401) Client Error"),
        Signature("403 Client Error: ", _NOT_ELSEWHERE + r".{0,1500}?(?P<status>403) Client Error", weight=0.9),
        Signature("requested URL returned error: 40", _NOT_ELSEWHERE + r".{0,1500}?returned error: (?P<status>40[13])"),
        Signature("HTTP Error 40", _NOT_ELSEWHERE + r".{0,1500}?HTTP Error (?P<status>40[13])", weight=0.9),
        Signature("status code 40", _NOT_ELSEWHERE + r".{0,1500}?status code (?P<status>40[13])\b", weight=0.85),
        Signature("status code: 40", _NOT_ELSEWHERE + r".{0,1500}?status code: (?P<status>40[13])\b", weight=0.85),
        Signature("Incorrect API key provided"),
        Signature("You didn't provide an API key"),
        Signature("provide your API key in an Authorization header"),
        Signature("invalid_api_key"),
        Signature("Invalid API", r"Invalid API[ -][Kk]ey"),
        Signature("invalid api", r"(?i)invalid api[ -]?key", weight=0.95),
        Signature(
            "api key", r"(?i)(?:missing|no|wrong|incorrect|expired|unknown|invalid) (?:an )?api key\b", weight=0.85
        ),
        Signature(
            "API key", r"(?i)(?:missing|no|wrong|incorrect|expired|unknown|invalid) (?:an )?api key\b", weight=0.85
        ),
        Signature("api_key client option must be set", message="the client was given no key"),
        Signature("Did not find openai_api_key"),
        Signature("No API key provided"),
        Signature("Missing credentials. Please pass", message="the client was given no key"),
        Signature("openai.AuthenticationError", weight=0.95),
        Signature("openai.error.AuthenticationError", weight=0.95),
        Signature("litellm.AuthenticationError", weight=0.95),
        Signature("anthropic.AuthenticationError", weight=0.95),
        Signature("openai.PermissionDeniedError", weight=0.95),
        Signature("AuthenticationError", _NOT_ELSEWHERE + r".{0,1500}?\bAuthenticationError\b", weight=0.8),
        Signature("Invalid proxy server token passed"),
        Signature("LiteLLM Virtual Key expected"),
        Signature("authentication_error", weight=0.95),
        Signature("permission_error", r"[\"']type[\"']: ?[\"']permission_error", weight=0.9),
        Signature('"Not authenticated"', weight=0.95),
        Signature('"error":"Unauthorized"'),
        Signature('"error": "Unauthorized"'),
        Signature("'error': 'Unauthorized'"),
        Signature("Invalid or missing", r"(?i)invalid or missing (?:api[ -]?key|token|bearer|authorization)"),
        Signature("Missing or invalid", r"(?i)missing or invalid (?:api[ -]?key|token|bearer|authorization)"),
        Signature(
            "uthorization header", r"(?i)(?:missing|invalid|no|malformed) (?:the )?authorization header", weight=0.95
        ),
        Signature("UNAUTHENTICATED", r"(?:StatusCode|code|status)\W{1,5}UNAUTHENTICATED"),
        Signature("code = Unauthenticated", weight=0.95),
        Signature("StatusCode.PERMISSION_DENIED", weight=0.95),
        Signature("code = PermissionDenied", weight=0.9),
        Signature(
            "is forbidden: User ",
            r'is forbidden: User \\?"(?P<user>[^"\\]{1,200})',
            weight=0.95,
            message="{user} has not the role for that",
        ),
        Signature("jwt expired", weight=0.9),
        Signature("jwt malformed", weight=0.9),
        Signature("token expired", _NOT_ELSEWHERE, weight=0.8),
        Signature(
            "signature verification failed", r"(?i)(?:token|jwt).{0,80}signature verification failed", weight=0.85
        ),
        Signature("RBAC: access denied", weight=0.95),
    ),
    related=("hub-unauthorized", "image-pull-failed", "tls-failure", "overload"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The key by hand, and what the client really sends."""
    endpoint = facts.get_value(TARGET_ENDPOINT, None)
    address = f"{endpoint.host}:{endpoint.port}" if endpoint is not None else "HOST:PORT"
    if "user" in params:
        yield Remedy(
            why=say("Show what {user} may do, and bind the missing role.", user=params["user"]),
            commands=(command(facts, "kubectl", "auth", "can-i", "--list", f"--as={params['user']}"),),
            safe=True,
        )
        return
    yield Remedy(
        why=say("Ask by hand with the key; where that works, the client sends another one."),
        commands=(f'curl -i -H "Authorization: Bearer $OPENAI_API_KEY" http://{address}/v1/models',),
        safe=True,
    )
    yield Remedy(
        why=say("Show which keys and addresses the client's environment holds; the values stay hidden."),
        commands=("env | sed -nE 's/^([A-Z_]*(API_KEY|TOKEN|BASE_URL)[A-Z_]*)=.*/\\1 is set/p'",),
        safe=True,
    )
    yield Remedy(
        why=say("Make a key for this caller with the role that it needs, and hand it over through one variable.")
    )
