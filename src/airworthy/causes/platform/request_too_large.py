"""A request is larger than the server, or a proxy in front of it, takes.

## What happens

Requests with images, long texts or many inputs come back with 413: `Request Entity Too Large`, `Payload Too Large`,
`Failed to buffer the request body: length limit exceeded`, gRPC's `Received message larger than max (N vs. M)`.
Smaller ones work.

## Why

Every server bounds the bytes of a request so that one client cannot exhaust its memory; so does each proxy on the
way, often at 1 MiB. Images in base64 grow by a third, tensors written as JSON tenfold.

## How to end it

Send less at once: fewer inputs in a request, smaller images, tensors as binary. Or raise the limit of the part that
refused; its name stands in the answer's headers or page.

## How to prevent it

Measure the largest request that clients will send, and set each limit on the way above it.

## Example

```
openai.APIStatusError: Error code: 413 - Failed to buffer the request body: length limit exceeded
```

## References

- https://www.rfc-editor.org/rfc/rfc9110#name-413-content-too-large
- https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
- https://grpc.io/docs/guides/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="request-too-large",
    severity=Severity.ERROR,
    message="a request of {size} bytes is larger than the {limit} that are taken",
    unpredictable="how much clients send is known only when they do",
    signatures=(
        Signature(
            "client intended to send too large body",
            r"too large body: (?P<size>\d+) bytes",
            weight=0.97,
            message="a body of {size} bytes is larger than the proxy takes",
        ),
        Signature("Request Entity Too Large", weight=0.9),
        Signature("equest entity too large", r"(?i)request entity too large", weight=0.9),
        Signature("Payload Too Large", weight=0.9),
        Signature("PayloadTooLargeError", weight=0.95),
        Signature("Content Too Large", r"413.{0,20}Content Too Large", weight=0.9),
        Signature("Error code: 413", weight=0.95),
        Signature("413 Client Error", weight=0.95),
        Signature('HTTP/1.1" 413', weight=0.9),
        Signature("status code 413", weight=0.9),
        Signature("status: 413", weight=0.85),
        Signature("ailed to buffer the request body: length limit exceeded"),
        Signature("length limit exceeded", r"(?i)body.{0,40}length limit exceeded", weight=0.9),
        Signature("Received message larger than max", r"larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)"),
        Signature("Sent message larger than max", r"larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)"),
        Signature("received message larger than max", r"larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)"),
        Signature("trying to send message larger than max", r"larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)"),
        Signature("gRPC message exceeds maximum size", r"exceeds maximum size (?P<limit>\d+): (?P<size>\d+)"),
        Signature(
            "Maximum request body size",
            r"Maximum request body size (?P<limit>\d+) exceeded, actual body size (?P<size>\d+)",
        ),
        Signature("request body exceeds", r"(?i)request body exceeds", weight=0.9),
        Signature("request body too large", r"(?i)request body too large", weight=0.9),
        Signature("body too large", r"(?i)\b(?:http: )?(?:request )?body too large", weight=0.85),
        Signature("exceeds the maximum allowed input size", weight=0.9),
        Signature(
            "exceeds the maximum allowed value",
            r"request JSON size of (?P<size>\d+) bytes exceeds the maximum allowed (?:value|input size) of "
            r"(?P<limit>\d+)",
            weight=0.97,
        ),
        Signature(
            "batch size ",
            r"batch size (?P<size>\d+) > maximum allowed batch size (?P<limit>\d+)",
            weight=0.9,
            message="a request of {size} inputs is larger than the {limit} that are taken",
        ),
        Signature("is longer than the maximum number of inputs", weight=0.85),
        Signature(
            "Message length ",
            r"Message length (?P<size>\d+) is larger than max",
            weight=0.8,
            message="a request of {size} bytes is larger than the server takes",
        ),
        Signature("RESOURCE_EXHAUSTED: ", r"RESOURCE_EXHAUSTED: .{0,60}message larger", weight=0.95),
        Signature("entity.too.large", weight=0.9),
    ),
    related=("context-too-long", "overload", "shape-mismatch"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Less at once, or a higher limit."""
    yield Remedy(
        why=say("Send less at once: fewer inputs in a request, smaller images, tensors as binary in place of JSON."),
        safe=True,
    )
    size = int(params.get("size") or 0)
    megabytes = max(8, 2 * size // 1_000_000) if size else 64
    yield Remedy(
        why=say(
            "Or raise the limit of what refused it: nginx `client_max_body_size {megabytes}m`, TEI `--payload-limit`, "
            "TorchServe `max_request_size`, gRPC `max_receive_message_length`, here `serve.max_body_bytes`.",
            megabytes=megabytes,
        ),
    )
