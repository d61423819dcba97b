"""The probe asks at the wrong path or port, or in the wrong way; the service itself is well.

## What happens

The container starts, its log says that it serves, and it is restarted all the same, or never becomes ready. The events
name an answer that a healthy service gives to a wrong question: `statuscode: 404`, `401`, `server gave HTTP response
to HTTPS client`.

## Why

Paths differ from server to server: `/health` for vLLM, SGLang and llama.cpp, `/v2/health/ready` for Triton, `/` for
Ollama, `/health/ready` for Airworthy. Charts are written for one of them, and for the default port. A probe carries
no key, so a path behind a key answers 401. An `exec` probe needs its program in the image, and slim images have
neither `curl` nor `wget`. Where nothing at all answers yet it is another cause, see `probe-failed`.

## How to end it

Ask the path by hand from within the pod, and write into the manifest what answers 200.

## How to prevent it

Keep path and port of the probes next to the command that starts the server, and name the port instead of repeating
its number.

## Example

```
  Warning  Unhealthy  25m (x3 over 25m)  kubelet  Liveness probe failed: HTTP probe failed with statuscode: 404
```

## References

- https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
- https://github.com/llm-d/llm-d-inference-sim/issues/45
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import TARGET_ENDPOINT
from airworthy.core.messages import say

_PROBE = r"(?P<probe>Liveness|Readiness|Startup) probe (?:failed|errored)"

CAUSE = Cause(
    slug="probe-misconfigured",
    severity=Severity.ERROR,
    uses=(TARGET_ENDPOINT,),
    message="the {probe} probe gets the answer {status} from a service that runs",
    unpredictable="the manifest is not among the facts",
    signatures=(
        Signature(
            "probe failed with statuscode: ",
            _PROBE + r": HTTP probe failed with statuscode: (?P<status>[1346]\d\d|501|505)",
        ),
        Signature(
            "probe failed with statuscode: ",
            r"HTTP probe failed with statuscode: (?P<status>[1346]\d\d|501|505)",
            weight=0.95,
        ),
        Signature(
            "probe failed: ",
            _PROBE
            + r": .{0,300}(?:gave HTTP response to HTTPS|malformed HTTP (?:response|status)|stopped after 10 redirects"
            r"|invalid port)",
            message="the {probe} probe speaks another protocol than the service",
        ),
        Signature(
            "probe failed: ",
            _PROBE + r": .{0,300}does not implement the grpc health protocol",
            message="the service has no gRPC health interface for the {probe} probe",
        ),
        Signature("does not implement the grpc health protocol", weight=0.95),
        Signature(
            " probe ",
            _PROBE + r": .{0,400}(?:executable file not found|no such file or directory"
            r"|(?:curl|wget|sh|bash|nc): (?:command )?not found)",
            message="the program of the {probe} probe is not in the image",
        ),
        Signature("couldn't find port", weight=0.95),
        Signature("Probe failed", r"probe .{0,40}failed .{0,80}unsupported protocol scheme", weight=0.9),
        Signature(
            "Invalid value",
            r"(?:liveness|readiness|startup)Probe\.[\w.]{1,80}: Invalid value",
            message="the API server refuses the probe's settings",
        ),
        Signature("must specify a handler type", weight=0.8),
        Signature(
            "kube-probe/",
            r'"(?:GET|HEAD) (?P<path>\S{1,200}) HTTP/[\d.]{1,3}" (?P<status>4\d\d)\b.{0,200}kube-probe/',
            weight=0.95,
            message="the probe gets {status} at {path}",
        ),
    ),
    related=("probe-failed", "auth-failure", "tls-failure", "serving-config-mismatch"),
)


_PATHS = "/health /health/ready /v2/health/ready /healthz /"
"""Where servers of models answer for their health."""


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See what is asked, ask it by hand, and correct it."""
    yield Remedy(
        why=say("Show what the probes ask for, and on which port the container listens."),
        commands=("kubectl get pod POD -o yaml | grep -A 12 -E 'livenessProbe|readinessProbe|startupProbe'",),
        safe=True,
    )
    endpoint = facts.get_value(TARGET_ENDPOINT, None)
    port = endpoint.port if endpoint is not None else 8000
    ask = f'curl -s -o /dev/null -w "%{{http_code}} $path\\n" http://127.0.0.1:{port}$path'
    yield Remedy(
        why=say("Ask from your own machine, and write the path that answers 200 into the manifest."),
        commands=(f"kubectl port-forward POD {port}:{port}", f"for path in {_PATHS}; do {ask}; done"),
        safe=True,
    )
    if str(params.get("status", "")) in {"401", "403"}:
        yield Remedy(why=say("Probe a path that needs no key; a probe carries none."))
