"""The container image cannot be pulled.

## What happens

The pod stays in `ErrImagePull` and then `ImagePullBackOff`, with no restarts and no log, for nothing has run yet.
`docker pull` and `docker compose up` end with one line from the registry.

## Why

The registry's words say which it is. `manifest unknown` or `not found`: no such tag. `no matching manifest for
linux/arm64`: the tag has no image for this machine's architecture. `denied`, `unauthorized`, `pull access denied`: no
key, or no such repository, which registries do not distinguish. `toomanyrequests`: the registry's rate limit.
Time-outs and `no such host`: the node does not reach the registry. `ErrImageNeverPull`: the policy forbids to pull
and the node has no copy.

## How to end it

Try the very reference from the node itself. Correct the name or the tag, give the namespace a pull secret, or push
an image for the architecture.

## How to prevent it

Refer to images by digest, mirror those of others into a registry of your own, and build for all architectures of the
cluster.

## Example

```
  Warning  Failed   5m (x4 over 9m)   kubelet   Failed to pull image "registry.example/llm:v2": rpc error:
code = NotFound desc = failed to pull and unpack image "registry.example/llm:v2": failed to resolve reference
"registry.example/llm:v2": registry.example/llm:v2: not found
  Warning  Failed   5m (x4 over 9m)   kubelet   Error: ErrImagePull
```

## References

- https://kubernetes.io/docs/concepts/containers/images/
- https://docs.docker.com/docker-hub/usage/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE
from airworthy.core.messages import say

_IMAGE = r"(?P<image>[\w.:/@+-]{1,255})"
_NAMED = "the image {image} cannot be pulled"

CAUSE = Cause(
    slug="image-pull-failed",
    severity=Severity.ERROR,
    uses=(CPU_ARCHITECTURE,),
    message="the image {image} cannot be pulled",
    unpredictable="a registry is not asked before the deployment",
    signatures=(
        Signature("manifest for ", r"manifest for " + _IMAGE + r" not found", message="there is no image {image}"),
        Signature("manifest unknown", message="the registry has no image of that name and tag"),
        Signature(
            "no matching manifest for ",
            r"no matching manifest for (?P<platform>[\w/.-]{1,60})",
            message="the image has no variant for {platform}",
        ),
        Signature("no match for platform in manifest", message="the image has no variant for this architecture"),
        Signature(
            "does not match the specified platform", r"image with reference .{1,255} was found but does not match"
        ),
        Signature(
            "pull access denied for ",
            r"pull access denied for " + _IMAGE,
            message="the registry refuses {image}, or has no such repository",
        ),
        Signature("You have reached your pull rate limit"),
        Signature("You have reached your unauthenticated pull rate limit"),
        Signature("toomanyrequests: ", weight=0.95),
        Signature(
            "failed to resolve reference ",
            r'failed to resolve reference \\?"' + _IMAGE + r'\\?"(?!.{0,200}(?:x509:|tls: |certificate))',
            weight=0.95,
            message=_NAMED,
        ),
        Signature("Failed to pull image ", r'Failed to pull image \\?"' + _IMAGE, weight=0.9, message=_NAMED),
        Signature("Back-off pulling image ", r'Back-off pulling image \\?"' + _IMAGE, weight=0.9, message=_NAMED),
        Signature(
            "Error response from daemon: ",
            r"from daemon: (?:Head|Get) \"https?://[^\"/]{1,200}/v2/[^\"]{0,300}\": (?!.{0,200}(?:x509|tls: ))",
            weight=0.95,
        ),
        Signature(
            "Error response from daemon: ",
            r"from daemon: (?:unauthorized|denied|pull access|No such image|no such image|unknown: |manifest )",
            weight=0.95,
        ),
        Signature("unauthorized: authentication required", weight=0.95),
        Signature("failed to authorize: failed to fetch ", weight=0.95),
        Signature(
            "is not present with pull policy of Never",
            r'image \\?"' + _IMAGE,
            message="the node has no copy of {image}, and the policy forbids to pull it",
        ),
        Signature("Error initializing source docker://", r"source docker://" + _IMAGE, weight=0.95, message=_NAMED),
        Signature("initializing source docker://", r"source docker://" + _IMAGE, weight=0.95, message=_NAMED),
        Signature("Failed to apply default image tag ", weight=0.95),
        Signature("couldn't parse image ", weight=0.95),
        Signature("failed to pull and unpack image", r"unpack image(?!.{0,600}(?:x509:|no space left))", weight=0.9),
        Signature("ErrImageNeverPull", weight=0.9),
        Signature("InvalidImageName", weight=0.9),
        Signature("ErrImagePull", weight=0.85),
        Signature("ImagePullBackOff", weight=0.85),
        Signature("CannotPullContainerError", weight=0.9),
    ),
    related=("wrong-architecture", "auth-failure", "tls-failure", "disk-full"),
)


_PULL = (
    "kubectl create secret docker-registry pull --docker-server=REGISTRY --docker-username=USER"
    ' --docker-password="$(cat token)"'
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Ask the registry for the very reference."""
    image = str(params.get("image", "IMAGE"))
    yield Remedy(
        why=say("Ask the registry for the very reference, and for which architectures it has it."),
        commands=(command(facts, "docker", "manifest", "inspect", image),),
        safe=True,
    )
    if "platform" in params:
        yield Remedy(
            why=say("Build and push the image for {platform} as well.", platform=params["platform"]),
            commands=(f"docker buildx build --platform linux/amd64,linux/arm64 -t {image} --push .",),
        )
        return
    yield Remedy(
        why=say(
            "For a private registry: give the namespace a pull secret, and name it in the pod or its service account."
        ),
        commands=(_PULL,),
    )
    yield Remedy(why=say("Correct the name or the tag in the deployment; the registry's line says which it misses."))
