"""A server that this program passes requests to cannot be reached.

## What happens

A gateway, a proxy or a client answers 502 or raises a connection error: `connect() failed (111: Connection refused)
while connecting to upstream`, `httpx.ConnectError: All connection attempts failed`, `openai.APIConnectionError`, `no
live upstreams`. The program that prints it works.

## Why

Nothing listens at the address it was given. The model server has not come up yet, has died, listens on loopback of
its own container, on another port, or under another name; or a network policy stands between them.

## How to end it

Ask the server from where the gateway runs. If it answers on the machine itself and not from there, it listens on
loopback, or the name leads elsewhere. If it answers nowhere, its own log has the cause.

## How to prevent it

Let the gateway wait for the server's readiness, and give both one source for the address.

## Example

```
2026/11/20 09:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: , request: "POST /v1/chat/completions HTTP/1.1", upstream: "http://172.18.0.4:8000/v1/chat/completions", host: "llm"
```

## References

- https://nginx.org/en/docs/http/ngx_http_upstream_module.html
- https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_AT = "the server at {upstream} cannot be reached"
_HOME = (
    r"(?:huggingface|hf\.co|hf-mirror|modelscope|pypi|pythonhosted|ollama\.(?:ai|com)|github|docker\.io|pytorch\.org|"
    r"anaconda|amazonaws|civitai|kaggle)"
)

CAUSE = Cause(
    slug="upstream-unreachable",
    severity=Severity.ERROR,
    message=_AT,
    unpredictable="whether another server answers is known only by asking it",
    signatures=(
        Signature(
            "while connecting to upstream",
            r"(?:failed|refused|unreachable|timed out).{0,60} while connecting to upstream(?:.{1,400}upstream: "
            r"\"(?P<upstream>[^\"]{1,200})\")?",
        ),
        Signature(
            "while reading response header from upstream",
            r"(?:prematurely closed|reset by peer|refused).{0,80} while reading response header from "
            r"upstream(?:.{1,400}upstream: \"(?P<upstream>[^\"]{1,200})\")?",
            weight=0.75,
        ),
        Signature("no live upstreams while connecting to upstream"),
        Signature("host not found in upstream", r"host not found in upstream \"(?P<upstream>[^\"]{1,200})\""),
        Signature(
            "upstream connect error or disconnect/reset before headers",
            r"before headers(?!\. reset reason: overflow)",
            weight=0.95,
        ),
        Signature("no healthy upstream", weight=0.95),
        Signature("502 Bad Gateway", weight=0.6),
        Signature('HTTP/1.1" 502', weight=0.55),
        Signature("Error code: 502", weight=0.6),
        Signature(
            "502 Server Error",
            r"502 Server Error: Bad Gateway for url: (?P<upstream>https?://[^\s/]{1,200})",
            weight=0.6,
        ),
        Signature(
            "APIConnectionError",
            r"(?:openai|anthropic|litellm(?:\.exceptions)?)\.APIConnectionError|\bAPIConnectionError: Connection error",
            weight=0.8,
        ),
        Signature(
            "APIConnectionError",
            rf"APIConnectionError: (?!.{{0,200}}{_HOME}).{{0,200}}(?:onnection|onnect)",
            weight=0.75,
        ),
        Signature("ll connection attempts failed", r"(?i)all connection attempts failed", weight=0.75),
        Signature(
            "Failed to connect to ",
            rf"Failed to connect to (?!.{{0,60}}{_HOME})(?P<upstream>[\w.:-]{{1,100}})(?: port \d+)?",
            weight=0.7,
        ),
        Signature(
            "ConnectionPool(host=",
            rf"host=\\?'(?!.{{0,60}}{_HOME})(?P<upstream>[\w.-]{{1,100}})\\?', port=\d+\): Max retries "
            rf"exceeded.{{0,400}}(?:[Cc]onnection refused|NewConnectionError|No route to host|Name or service not "
            rf"known|Failed to resolve)",
            weight=0.75,
        ),
        Signature(
            "Cannot connect to host ",
            rf"Cannot connect to host (?!.{{0,60}}{_HOME})(?P<upstream>[\w.:-]{{1,100}})",
            weight=0.8,
        ),
        Signature(
            "onnection refused",
            r"^(?!.*(?:[Pp]robe failed|kubelet)).*"
            rf"(?:dial tcp|connect to|connecting to|proxy error: dial).{{0,20}} (?!.{{0,60}}{_HOME})"
            rf"(?P<upstream>[\w.\[\]:-]{{3,100}}): (?:connect: )?[Cc]onnection refused",
            weight=0.7,
        ),
        Signature(
            "[Errno 111] Connection refused", r"(?<!urlopen error )\[Errno 111\] Connection refused", weight=0.55
        ),
        Signature("urlopen error [Errno 111]", weight=0.55),
        Signature(
            "ConnectError: ",
            rf"(?:httpx|httpcore)\.ConnectError: (?!.{{0,200}}{_HOME}).{{0,200}}(?:refused|attempts failed|No "
            rf"route|Name or service|Temporary failure)",
            weight=0.7,
        ),
        Signature("connect ECONNREFUSED ", r"connect ECONNREFUSED (?P<upstream>[\w.\[\]:-]{3,100})", weight=0.8),
        Signature(
            "failed to connect to all addresses",
            r"failed to connect to all addresses(?:.{0,80}(?:ipv4|ipv6):(?P<upstream>[\w.%\[\]:-]{3,100}))?",
            weight=0.75,
        ),
        Signature(
            "onnection error: desc = ",
            r"connection error: desc = .{0,80}dial tcp (?P<upstream>[\w.\[\]:-]{3,100})",
            weight=0.8,
        ),
        Signature("could not connect to ollama", r"(?i)could not connect to ollama", weight=0.9),
        Signature("could not connect to a running Ollama instance", weight=0.9),
        Signature("Failed to connect to Ollama", weight=0.9),
        Signature("ollama server not responding", weight=0.8),
        Signature("the upstream ", r"the upstream \S{1,100} (?:cannot be reached|does not answer)", weight=0.8),
    ),
    related=("worker-died", "port-in-use", "network-interface-misconfigured", "hub-unreachable", "overload"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Ask it from here, then on its own machine."""
    upstream = str(params.get("upstream", "")).split("/v1")[0] or "HOST:PORT"
    url = upstream if "://" in upstream else f"http://{upstream}"
    yield Remedy(
        why=say("Ask the server from where this program runs; then on the server's own machine."),
        commands=(f"curl --verbose --max-time 5 {url}/health", "ss -ltnp"),
        safe=True,
    )
    yield Remedy(
        why=say(
            "If it answers there and not here, let it listen on all addresses (`--host 0.0.0.0`) and publish its port; "
            "in a container `localhost` is the container itself."
        ),
        safe=True,
    )
    yield Remedy(
        why=say("If it answers nowhere, diagnose its own log."), commands=("airworthy diagnose SERVER_LOG",), safe=True
    )
