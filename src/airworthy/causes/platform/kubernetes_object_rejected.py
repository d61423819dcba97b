"""Kubernetes refuses the object: its description or an admission rule is violated.

## What happens

`kubectl apply` or a chart stops before anything is scheduled: `error validating data`, `The Deployment "x" is
invalid: spec…`, `no matches for kind`, `admission webhook … denied the request`, `violates
PodSecurity`.

## Why

The API server checks what it is given: unknown or wrong fields, kinds whose definitions are not installed or are of
another version, and rules that the cluster's owners set.

## How to end it

The message names the field or the rule. Correct it, install the missing kind's operator, or ask the owner of the
rule.

## How to prevent it

Let the server check without applying (`kubectl apply --dry-run=server`) in CI.

## Example

```
The Deployment "vllm" is invalid: spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to nvidia.com/gpu limit of 1
```

## References

- https://kubernetes.io/docs/reference/using-api/api-concepts/
- https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="kubernetes-object-rejected",
    severity=Severity.ERROR,
    message="{object} is refused: {reason}",
    unpredictable="the rules are those of the cluster, which is not asked",
    signatures=(
        Signature(
            " is invalid: ",
            r"(?:The )?(?P<object>[A-Z]\w{2,40}(?:\.\w+)* \"[^\"]{1,100}\") is invalid: (?P<reason>[^\n]{1,240})",
            weight=0.97,
        ),
        Signature(
            "error validating data: ",
            r"error validating (?P<object>\S{1,120}): error validating data: (?P<reason>[^\n]{1,240})",
            weight=0.97,
        ),
        Signature(
            "ValidationError(", r"ValidationError\((?P<object>[\w.]{1,120})\): (?P<reason>[^\n]{1,200})", weight=0.95
        ),
        Signature(
            "no matches for kind", r"(?P<reason>no matches for kind \"(?P<object>\w{1,80})\"[^\n]{0,120})", weight=0.95
        ),
        Signature(
            "denied the request: ",
            r"(?P<object>admission webhook \"[^\"]{1,120}\") denied the request: (?P<reason>[^\n]{1,200})",
            weight=0.95,
        ),
        Signature("violates PodSecurity", r"(?P<reason>violates PodSecurity[^\n]{1,200})", weight=0.95),
        Signature("strict decoding error: ", r"strict decoding error: (?P<reason>[^\n]{1,200})", weight=0.95),
        Signature(
            "failed calling webhook",
            r"failed calling webhook \"(?P<object>[^\"]{1,120})\": (?P<reason>[^\n]{1,200})",
            weight=0.9,
        ),
        Signature(
            "error converting YAML to JSON: ", r"error converting YAML to JSON: (?P<reason>[^\n]{1,200})", weight=0.9
        ),
        Signature("unable to build kubernetes objects from release manifest", weight=0.85),
        Signature(
            'unable to recognize "',
            r"unable to recognize \"(?P<object>[^\"]{1,120})\": (?P<reason>[^\n]{1,200})",
            weight=0.9,
        ),
        Signature("field is immutable", weight=0.9),
        Signature("ensure CRDs are installed first", weight=0.97),
    ),
    related=("unschedulable", "volume-not-mounted", "auth-failure"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Ask the server, then correct."""
    reason = str(params.get("reason", ""))
    if "no matches for kind" in reason:
        yield Remedy(
            why=say("Install the operator that brings this kind, or write the version that is installed."),
            commands=("kubectl api-resources | grep -i " + (str(params.get("object")) or "KIND"),),
            safe=True,
        )
    yield Remedy(
        why=say("Correct the field that the message names, and let the server check it before it is applied."),
        commands=("kubectl explain pod.spec.containers.resources", "kubectl apply --dry-run=server --filename FILE"),
        safe=True,
    )
