"""A liveness or readiness probe failed while the model was still loading.

## What happens

The pod restarts again and again, each time after the same number of seconds, in the middle of loading weights. The
events say `Liveness probe failed: … connection refused`, then `failed liveness probe, will be restarted`. The
container's log ends without an error, or with `Received signal 15`.

## Why

The service does not listen, or answers 503, until the weights are loaded, which takes minutes for large models. A
liveness probe counts from the start of the container: with Kubernetes' defaults (every 10 s, three failures) it gives
up after half a minute. A load that never ends, because the program hangs or has crashed, looks the same from outside.

## How to end it

Give the pod a `startupProbe` with as much time as loading takes at its slowest; liveness begins only after it has
succeeded once. If loading never ends even so, diagnose the container's own log.

## How to prevent it

Measure how long loading takes from a cold cache and write it into the manifest. Let liveness ask whether the process
is alive (`/health/live`) and readiness whether the model is (`/health/ready`).

## Example

```
  Warning  Unhealthy  40s (x3 over 60s)  kubelet  Liveness probe failed: Get "http://10.0.0.7:8000/v2/health/live":
dial tcp 10.0.0.7:8000: connect: connection refused
  Normal   Killing    40s                kubelet  Container triton failed liveness probe, will be restarted
```

## References

- https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
- https://docs.vllm.ai/en/latest/deployment/k8s.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import MODEL_SIZE
from airworthy.core.messages import say

SLOW_DISK = 100 * 1024**2
"""Bytes a second that network storage gives at its slowest; from it follows how long to wait for the weights."""
PERIOD = 10
"""Seconds between two probes, Kubernetes' default."""

_PROBE = r"(?P<probe>Liveness|Readiness|Startup) probe (?:failed|errored)"
_NAMED = "the {probe} probe failed: the service does not answer yet"

CAUSE = Cause(
    slug="probe-failed",
    severity=Severity.ERROR,
    uses=(MODEL_SIZE,),
    message="the {probe} probe failed: the service does not answer yet",
    unpredictable="how long loading takes is known only after it was done",
    signatures=(
        Signature("probe failed: ", _PROBE + r": .{0,300}connect(?:ion)?: (?:connection )?refused", message=_NAMED),
        Signature(
            "probe failed: ",
            _PROBE + r": .{0,300}(?:Connection refused|connection reset by peer|: EOF)",
            message=_NAMED,
        ),
        Signature("probe failed: ", _PROBE + r": HTTP probe failed with statuscode: 5\d\d", message=_NAMED),
        Signature(
            "probe failed: ",
            _PROBE + r": .{0,300}(?:NOT_SERVING|not ready|loading|no route to host|i/o timeout)",
            message=_NAMED,
        ),
        Signature(
            "probe failed: ",
            _PROBE
            + r": .{0,300}(?:context deadline exceeded|Client\.Timeout exceeded|timeout: failed to connect|timed out)",
            weight=0.95,
            message=_NAMED,
        ),
        Signature("probe failed", _PROBE, weight=0.8, message=_NAMED),
        Signature(
            " probe, will be restarted",
            r"failed (?P<probe>liveness|startup|readiness) probe, will be restarted",
            weight=0.75,
            message=_NAMED,
        ),
        Signature("dependency failed to start: container ", r"container \S{1,200} is unhealthy", weight=0.8),
        Signature("readiness probe", r"(?i)waiting for .{0,80}readiness probe .{0,40}(?:fail|time)", weight=0.7),
        Signature(
            "health check",
            r"(?i)(?:task|target|container) .{0,80}failed (?:container |ELB )?health checks?",
            weight=0.8,
        ),
    ),
    related=("probe-misconfigured", "container-oomkilled", "worker-died", "overload"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A start-up probe with time enough, after reading what the container says itself."""
    yield Remedy(
        why=say("Read what the killed container said itself; if it ended with an error, diagnose that."),
        commands=("kubectl logs POD --previous | airworthy diagnose -",),
        safe=True,
    )
    size = facts.get_value(MODEL_SIZE, None)
    seconds = max(600, 2 * size // SLOW_DISK) if size is not None else 600
    yield Remedy(
        why=say(
            "Give it a startupProbe with failureThreshold {count} at a period of {period} s: {time:seconds} to load.",
            count=-(-seconds // PERIOD),
            period=PERIOD,
            time=seconds,
        ),
    )
    yield Remedy(
        why=say("Where probes fail under load only, raise timeoutSeconds: the default of one second is too short."),
    )
