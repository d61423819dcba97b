"""The address to listen on is already in use.

## What happens

The service stops right after its start with `Address already in use`. It never accepts a request.

## Why

Another process listens on the same TCP port: an earlier copy of the same service that has not ended, another
service, or a container that publishes the port. On Windows the words are "Only one usage of each socket address is
normally permitted".

## How to end it

Find who holds the port. If it is a leftover of this service, end it in the way it was started (`systemctl stop`,
`docker stop`); otherwise give this service another port.

## How to prevent it

Let one supervisor (systemd, the container engine) start and stop the service, and give every service its own port.

## Example

```
ERROR:    [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use
```

## References

- https://man7.org/linux/man-pages/man2/bind.2.html
- https://man7.org/linux/man-pages/man8/ss.8.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import TARGET_ENDPOINT
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_NAMED = "port {port} is already in use"
# `('0.0.0.0', 8000): …`, `0.0.0.0:8000: bind: …`, `:::3000`, `[::]:29500 (errno: 98 - …`
_PORT_BEFORE = (
    r"(?:', |[\]\w:]:)(?P<port>\d{2,5})\b(?:, \d+){0,2}[^\n\d]{1,60}(?:98|48|10048)?[^\n\d]{0,8}"
    r"[Aa]ddress already in use"
)

CAUSE = Cause(
    slug="port-in-use",
    severity=Severity.ERROR,
    needs=(TARGET_ENDPOINT,),
    message="port {port} at {host} is held by {holder}",
    signatures=(
        Signature("ddress already in use", _PORT_BEFORE, message=_NAMED),
        Signature("address already in use", r"address already in use \S{0,40}:(?P<port>\d{2,5})\b", message=_NAMED),
        Signature("Address already in use"),
        Signature("address already in use"),
        Signature("EADDRINUSE"),
        Signature("Connection in use: (", r"Connection in use: \('[^']*', (?P<port>\d+)", message=_NAMED),
        Signature("port is already allocated", r":(?P<port>\d+) failed: port is already allocated", message=_NAMED),
        Signature(
            "Only one usage of each socket address", r":(?P<port>\d{2,5})\b.{0,80}Only one usage", message=_NAMED
        ),
        Signature("Only one usage of each socket address"),
        Signature("is in use by another program", r"[Pp]ort (?P<port>\d+) is in use by another", message=_NAMED),
        Signature("is already in use", r"\b[Pp]ort (?P<port>\d+) is already in use", message=_NAMED),
        Signature("Cannot find empty port in range", r"range: (?P<port>\d+)", weight=0.9, message=_NAMED),
    ),
    related=("address-not-available", "permission-denied", "worker-died"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Another process listens there."""
    endpoint = facts.value(TARGET_ENDPOINT)
    if endpoint.port != 0 and endpoint.state == "in-use":
        yield CAUSE.finding(
            facts,
            f"{endpoint.host}:{endpoint.port}",
            evidence=(TARGET_ENDPOINT,),
            host=endpoint.host,
            port=endpoint.port,
            holder=endpoint.holder or say("another process"),
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Who it is, and a way round; ending a process of another user is left to a person."""
    port = int(params["port"]) if "port" in params else 0
    show = ("netstat -ano -p tcp",) if on_windows(facts) else (f"ss -ltnp 'sport = :{port}'" if port else "ss -ltnp",)
    yield Remedy(why=say("Show which process listens there."), commands=show, safe=True)
    if port:
        other = port + 1 if port < 65535 else port - 1
        yield Remedy(
            why=say("Give this service another port, after seeing that it is free."),
            commands=(f"airworthy serve --port {other}",),
            safe=True,
        )
    else:
        yield Remedy(why=say("Give this service another port."), safe=True)
