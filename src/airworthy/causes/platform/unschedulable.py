"""No node of the cluster can take the pod.

## What happens

The pod stays `Pending` with the event `FailedScheduling`: `0/3 nodes are available: …`. The rest of the line gives,
for each reason, on how many nodes it holds.

## Why

`Insufficient nvidia.com/gpu`: all devices are taken, or no node offers any because the device plugin does not run.
`Insufficient memory` or `cpu`: what counts is what pods *request*, not what they use. `untolerated taint`: GPU nodes
are often fenced off by one. `didn't match Pod's node affinity/selector`: the label that the pod asks for is on no
node. A quota refuses before any node is asked.

## How to end it

Compare what the pod requests with what the nodes have left. Start the device plugin where no node offers the
resource, add the toleration or correct the selector where a fence keeps the pod out, end what still holds devices, or
ask for less.

## How to prevent it

Give every model its requests from measured use, and alert on pods that stay pending.

## Example

```
  Warning  FailedScheduling  2m  default-scheduler  0/1 nodes are available: 1 Insufficient nvidia.com/gpu.
preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.
```

## References

- https://kubernetes.io/docs/concepts/scheduling-eviction/
- https://github.com/NVIDIA/k8s-device-plugin
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import MEMORY_TOTAL, NVIDIA_DEVICES
from airworthy.core.messages import say

_RESOURCE = r"(?P<resource>[A-Za-z][\w.-]{0,60}(?:/[\w.-]{0,60}\w|(?<=\w)))"
_LACKING = "no node has enough of {resource} left"

CAUSE = Cause(
    slug="unschedulable",
    severity=Severity.ERROR,
    uses=(NVIDIA_DEVICES, MEMORY_TOTAL),
    message="no node has enough of {resource} left",
    unpredictable="what a cluster has left is known to its scheduler only",
    signatures=(
        Signature("nodes are available", r"nodes are available:.{0,400}?\bInsufficient " + _RESOURCE, message=_LACKING),
        Signature(
            "nodes are unavailable", r"nodes are unavailable:.{0,400}?\bInsufficient " + _RESOURCE, message=_LACKING
        ),
        Signature(
            "nodes are available",
            r"nodes are available:.{0,400}?had (?:untolerated taints?|taints?) \{?(?P<taint>[^},]{1,120})",
            message="the pod does not tolerate the taint {taint}",
        ),
        Signature(
            "nodes are available",
            r"nodes are available:.{0,400}?(?:didn't match (?!PersistentVolume)|didn't have free ports|didn't satisfy"
            r"|MatchNodeSelector|Too many pods|were unschedulable|ExceedsGPUQuota|not eligible due to)",
            weight=0.95,
            message="no node has the labels, ports or room that the pod asks for",
        ),
        Signature("nodes are available that match all of the", r"Insufficient " + _RESOURCE, message=_LACKING),
        Signature("no nodes available to schedule pods"),
        Signature("0/0 nodes are available", weight=0.95),
        Signature(
            "number of devices unavailable for ",
            r"devices unavailable for " + _RESOURCE,
            message="the node's devices of {resource} are taken or unhealthy",
        ),
        Signature(
            "enough resource: ",
            r"(?i)node didn't have enough resource: " + _RESOURCE,
            message="the node has not enough of {resource} left",
        ),
        Signature("OutOfnvidia.com/gpu"),
        Signature("OutOfmemory", r"(?:Status|Reason|reason|STATUS)\b.{0,20}OutOfmemory|\bOutOfmemory\s+\d", weight=0.9),
        Signature(
            "exceeded quota: ",
            r"exceeded quota: (?P<quota>[\w.-]{1,120})",
            message="the quota {quota} of the namespace is used up",
        ),
        Signature("didn't trigger scale-up", weight=0.9),
        Signature(
            "insufficient unused quota for ", r"unused quota for " + _RESOURCE, message="no quota of {resource} is left"
        ),
        Signature(
            "insufficient quota for ",
            r"insufficient quota for " + _RESOURCE,
            weight=0.9,
            message="no quota of {resource} is left",
        ),
        Signature("No available node types can fulfill resource request", weight=0.9),
        Signature("cannot be scheduled right now", r"resource request cannot be scheduled right now", weight=0.85),
        Signature("no suitable node (insufficient resources", weight=0.9),
        Signature("Unschedulable", r"(?i)reason\"?: \"?Unschedulable\b", weight=0.6),
        Signature("FailedScheduling", weight=0.55),
    ),
    related=("volume-not-mounted", "gpu-not-visible", "container-oomkilled", "parallelism-indivisible"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """What is there, what is taken, and the way past a fence."""
    resource = str(params.get("resource", ""))
    yield Remedy(
        why=say("Show what each node offers, and what is already requested of it."),
        commands=("kubectl describe nodes | grep -A 12 -E '^(Name|Taints|Allocatable|Allocated resources)'",),
        safe=True,
    )
    if "/" in resource:
        yield Remedy(
            why=say("Where no node offers {resource}, see that its device plugin runs.", resource=resource),
            commands=("kubectl get pods -A | grep -i device-plugin",),
            safe=True,
        )
    elif "taint" in params:
        yield Remedy(
            why=say("Add a toleration for {taint} to the pod, if it is meant for these nodes.", taint=params["taint"])
        )
    yield Remedy(why=say("Request less, end what holds the resource, or add a node."))
