"""The address to listen on does not exist here.

## What happens

The service stops right after its start with `Cannot assign requested address`. No other process has the port.

## Why

A server can listen only on addresses that belong to one of the machine's interfaces. The one it was given belongs to
another machine, to a load balancer or a cloud's public address that is translated on the way, to the host while the
service runs in a container, or to an interface that is not up yet. `localhost` may stand for `::1` where IPv6 is off.

## How to end it

Listen on an address that this machine has, or on all of them (`0.0.0.0`), and let a proxy or the cloud translate the
public one.

## How to prevent it

Do not put a machine's address into a configuration that others share; under systemd wait for the network to be up
(`After=network-online.target`).

## Example

```
ERROR:    [Errno 99] error while attempting to bind on address ('10.20.0.9', 8000): cannot assign requested address
```

## References

- https://man7.org/linux/man-pages/man2/bind.2.html
- https://www.freedesktop.org/wiki/Software/systemd/NetworkTarget/
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

# The same errno comes to a client that runs out of ports, or asks for `::1` without IPv6.
_LISTENING = r"^(?!.*(?:[Cc]onnect|HTTPConnection|urlopen|dial tcp))"

CAUSE = Cause(
    slug="address-not-available",
    severity=Severity.ERROR,
    needs=(TARGET_ENDPOINT,),
    message="{host} is no address of this machine, so nothing can listen on port {port} there",
    signatures=(
        Signature(
            "assign requested address",
            r"bind on address \('(?P<host>[^']{1,80})', (?P<port>\d{1,5})[^)]{0,20}\): [Cc]an(?:no|')t assign",
        ),
        Signature(
            "cannot assign requested address",
            r"listen \w{2,5} \[?(?P<host>[0-9A-Fa-f.:]{2,45}?)\]?:(?P<port>\d{1,5}): bind: cannot assign",
        ),
        Signature("annot assign requested address", _LISTENING),
        Signature("Can't assign requested address", _LISTENING),
        Signature("EADDRNOTAVAIL", r"^(?!.*connect EADDRNOTAVAIL)"),
        Signature("The requested address is not valid in its context"),
        Signature("WinError 10049"),
        Signature("annot assign requested address", weight=0.7),
    ),
    related=("port-in-use", "network-interface-misconfigured", "permission-denied"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The address was tried, and there is none like it."""
    endpoint = facts.value(TARGET_ENDPOINT)
    if endpoint.state == "unavailable":
        yield CAUSE.finding(
            facts,
            f"{endpoint.host}:{endpoint.port}",
            evidence=(TARGET_ENDPOINT,),
            host=endpoint.host,
            port=endpoint.port,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """What there is, and all of it."""
    yield Remedy(
        why=say("Show the addresses that this machine has."),
        commands=("ipconfig",) if on_windows(facts) else ("ip -brief address",),
        safe=True,
    )
    port = params.get("port", "8000")
    yield Remedy(
        why=say("Listen on all addresses; let a firewall say who may come."),
        commands=(f"airworthy serve --host 0.0.0.0 --port {port}",),
    )
