"""Workers are bound to loopback or to the wrong network interface.

## What happens

A service on several nodes never comes together: NCCL says `Bootstrap : no socket interface found`, Gloo `Unable to
find address for: eth0` or connects to 127.0.0.1, ranks wait for each other until they time out. On one node: a
service in a container that only answers inside it.

## Why

Each worker gives the others one address. Which one is taken from the host's name or the first interface: a name that
`/etc/hosts` maps to 127.0.1.1, a bridge of Docker, a VPN, an interface without a route to the others. A setting
copied from another machine names an interface that is not there; `GLOO_SOCKET_IFNAME` takes exactly one name, while
`NCCL_SOCKET_IFNAME` takes lists and `^` for exclusion.

## How to end it

Find the interface that leads to the other nodes and name it on each: `NCCL_SOCKET_IFNAME`, `GLOO_SOCKET_IFNAME`, and
`VLLM_HOST_IP` with that node's address. In containers use the host's network, or listen on 0.0.0.0.

## How to prevent it

Set these in the start script from the route to the first node, not by hand.

## Example

```
RuntimeError: [enforce fail at /pytorch/third_party/gloo/gloo/transport/tcp/device.cc:84] ifa != nullptr. Unable to find address for: eth0
```

## References

- https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html#nccl-socket-ifname
- https://docs.vllm.ai/en/latest/serving/parallelism_scaling/
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_MISSING = "there is no interface `{interface}` here, or it has no address"

CAUSE = Cause(
    slug="network-interface-misconfigured",
    severity=Severity.ERROR,
    message=_MISSING,
    unpredictable="which interface leads to the other nodes shows only when they are there",
    signatures=(
        Signature(
            "Unable to find address for: ",
            r"(?:ifa != nullptr|gloo).{0,80}Unable to find address for: (?P<interface>\S+)",
        ),
        Signature(
            "Unable to find address for: ", r"Unable to find address for: (?P<interface>\^?[\w.,-]+)", weight=0.9
        ),
        Signature("no socket interface found"),
        Signature("no socket interface found", r"Bootstrap : no"),
        Signature("no NCCL_SOCKET_IFNAME interface found"),
        Signature("ncclSocketInit: connecting to address", r"with family \d+ is neither AF_INET"),
        Signature("Unable to resolve hostname to a (local) address"),
        Signature("resolve hostname to a (local) address", r"using the loopback address as fallback", weight=0.9),
        Signature(
            "Gloo connect",
            r"connect\w* .{0,200}(?:127\.0\.0\.1|127\.0\.1\.1).{0,200}(?:different node|multi-?node)",
            weight=0.9,
        ),
        Signature("Failed to get the IP address, using 0.0.0.0 by default", weight=0.7),
        Signature("Every node should have a unique IP address", weight=0.95),
        Signature("with unique IP addresses", r"has \d+ nodes? with \d+ unique IP addresses", weight=0.95),
        Signature("The current node has not been updated within 30 seconds", weight=0.6),
        Signature("Current node timed out during startup", weight=0.6),
        Signature(
            "HCCL_SOCKET_IFNAME",
            r"(?i)HCCL_SOCKET_IFNAME.{0,120}(?:not found|invalid|fail|error|does not exist)",
            weight=0.95,
        ),
        Signature(
            "GLOO_SOCKET_IFNAME",
            r"(?i)(?:invalid|not found|check|no such|does not exist).{0,120}GLOO_SOCKET_IFNAME|"
            r"GLOO_SOCKET_IFNAME.{0,120}(?:invalid|not found|does not exist)",
            weight=0.85,
        ),
        Signature(
            "NCCL_SOCKET_IFNAME",
            r"(?i)(?:invalid|not found|no such|does not exist).{0,120}NCCL_SOCKET_IFNAME|"
            r"NCCL_SOCKET_IFNAME.{0,120}(?:invalid|not found|does not exist)",
            weight=0.85,
        ),
        Signature(
            "NCCL INFO Bootstrap",
            r"Bootstrap ?: Using (?P<interface>lo):127\.0\.0\.1",
            weight=0.5,
            message="NCCL took the loopback interface `{interface}`",
        ),
        Signature(
            "we can not find the matched Raylet address",
            r"has an IP address of (?P<address>[\d.]+)",
            weight=0.95,
            message="this node calls itself {address}, and the cluster does not know that address",
        ),
        Signature(
            "NCCL WARN",
            r"Connect to (?P<address>172\.1[78]\.\d+\.\d+)<\d+> failed",
            weight=0.8,
            message="NCCL uses {address}, an address of Docker's bridge",
        ),
    ),
    related=("collective-failed", "address-not-available", "worker-died", "probe-failed"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The interface that leads to the others."""
    yield Remedy(
        why=say("See by which interface the first node is reached; the word after `dev` is its name."),
        commands=("ip -4 route get HEAD_NODE_ADDRESS", "ip -br -4 addr"),
        safe=True,
    )
    yield Remedy(
        why=say("Name it on every node before the workers start."),
        commands=(
            "export NCCL_SOCKET_IFNAME=INTERFACE GLOO_SOCKET_IFNAME=INTERFACE",
            "export VLLM_HOST_IP=THIS_NODE_ADDRESS",
        ),
        safe=True,
    )
    yield Remedy(
        why=say("Correct `/etc/hosts` where this host's own name leads to 127.0.1.1."),
        commands=("getent hosts $(hostname)",),
        safe=True,
    )
