"""The service is overloaded or limits the rate of requests.

## What happens

Requests come back with 429 or 503, or time out while they wait: `Server overloaded`, `rate limit exceeded`, `Queue
full`, `Model is overloaded`. Single requests work at quiet hours.

## Why

More arrives than is answered. The queue has reached its limit, and a good server then refuses at once in place of
letting everyone wait. Or a limit by key or plan is reached, though the machine is idle.

## How to end it

Retry with growing pauses and respect `Retry-After`. Lower the number of requests in flight on the client's side. If
it is the server that is slow, let it batch more, make answers shorter, or add a replica. If it is a plan's limit,
raise the plan.

## How to prevent it

Measure what the service sustains (`airworthy bench`) and set queue, concurrency and deadlines to that.

## Example

```
openai.RateLimitError: Error code: 429 - {'error': {'message': 'Rate limit reached for requests', 'type': 'requests', 'code': 'rate_limit_exceeded'}}
```

## References

- https://www.rfc-editor.org/rfc/rfc6585#section-4
- https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="overload",
    severity=Severity.ERROR,
    message="the service refused a request with status {status}",
    unpredictable="it depends on how many requests come",
    signatures=(
        Signature("rate_limit_exceeded", weight=0.9),
        Signature("RateLimitError", weight=0.9),
        Signature(
            "rate limit",
            r"(?i)rate limit (?:is )?(?:exceeded|reached)|rate limit(?:ed)? .{0,40}(?:exceed|try again)",
            weight=0.9,
        ),
        Signature("ate limit", r"(?i)\b(?:exceeded|hit|reached) (?:the |your |a )?(?:current )?rate limit", weight=0.9),
        Signature("Too Many Requests", weight=0.85),
        Signature("TooManyRequests", weight=0.85),
        Signature("too many requests", r"(?i)(?:429|error|fail|status).{0,80}too many requests", weight=0.85),
        Signature("erver overloaded", weight=0.9),
        Signature("Model is overloaded", weight=0.9),
        Signature("is currently overloaded", r"(?:engine|model|server|service) is currently overloaded", weight=0.9),
        Signature("overloaded_error", weight=0.9),
        Signature("server busy, please try again", weight=0.9),
        Signature("maximum pending requests exceeded", weight=0.9),
        Signature("Exceeds maximum queue size", weight=0.9),
        Signature("Exceeds max queue size", r"(?i)exceeds max(?:imum)?_? ?queue_? ?size", weight=0.9),
        Signature(
            "queue is full",
            r"(?i)(?:request|waiting|task|job|scheduler|server|inference|batch)\w* queue is full",
            weight=0.85,
        ),
        Signature("Queue is full", weight=0.8),
        Signature("Queue full", weight=0.8),
        Signature("The request queue is full", weight=0.9),
        Signature("BackPressureError", weight=0.9),
        Signature("dropped due to backpressure", weight=0.9),
        Signature("Request timeout expired", weight=0.7),
        Signature("no worker is available to serve request", r"[Mm]odel .{0,80}no worker is available", weight=0.8),
        Signature("has no worker to serve inference request", weight=0.75),
        Signature("503 Service Unavailable", weight=0.55),
        Signature("Service Temporarily Unavailable", weight=0.55),
        Signature("status: 429", r"status: (?P<status>429)\b", weight=0.8),
        Signature("Error code: 429", weight=0.9),
        Signature('HTTP/1.1" 429', r'" (?P<status>429)', weight=0.85),
        Signature("429 Client Error", weight=0.85),
        Signature("status code 429", weight=0.85),
        Signature("upstream connect error or disconnect/reset before headers. reset reason: overflow", weight=0.85),
        Signature("limiting requests, excess", weight=0.9),
        Signature("Throttling.RateQuota", weight=0.9),
        Signature("ThrottlingException", weight=0.9),
        Signature("Requests rate limit exceeded", weight=0.9),
        Signature("You exceeded your current quota", weight=0.9),
        Signature("insufficient_quota", weight=0.9),
        Signature("concurrency limit", r"(?i)(?:exceed|reach|hit)\w* .{0,30}concurrency limit", weight=0.85),
        Signature("APITimeoutError", weight=0.45),
        Signature("ReadTimeout", r"(?:httpx|requests\.exceptions)\.ReadTimeout", weight=0.4),
        Signature(
            "Read timed out", r"HTTPConnectionPool\(host='(?!huggingface)[^']*'.{0,60}Read timed out", weight=0.4
        ),
        Signature("504 Gateway", weight=0.45),
        Signature("upstream timed out (110", weight=0.5),
        Signature("context deadline exceeded (Client.Timeout exceeded while awaiting headers)", weight=0.35),
        Signature("DEADLINE_EXCEEDED", r"StatusCode\.DEADLINE_EXCEEDED|Deadline Exceeded", weight=0.5),
        Signature("Model too busy", weight=0.9),
        Signature("429 RESOURCE_EXHAUSTED", weight=0.9),
        Signature("slot unavailable", weight=0.85),
        Signature("statusCode: 429", weight=0.85),
        Signature("HTTP error 429", weight=0.85),
        Signature("Too many concurrent requests", weight=0.9),
        Signature("status code 503", weight=0.5),
        Signature("Error code: 503", weight=0.5),
    ),
    related=("worker-died", "auth-failure", "probe-failed"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The client first, then the server."""
    yield Remedy(
        why=say("Retry with growing pauses (1 s, 2 s, 4 s …), respect `Retry-After`, and send fewer requests at once."),
        safe=True,
    )
    yield Remedy(
        why=say(
            "On your own server let more run together (`--max-num-seqs` of vLLM, `OLLAMA_NUM_PARALLEL` of Ollama, "
            "`serve.batching.max_rows` here), or let more wait (`OLLAMA_MAX_QUEUE`, `serve.batching.max_queue`)."
        ),
        safe=True,
    )
    yield Remedy(why=say("Add a replica, or raise the plan's limit where it is a provider's."))
