"""The container engine has no GPU runtime.

## What happens

`docker run --gpus all` is refused with `could not select device driver`, a pod does not start because there is no
runtime `nvidia`, or the container starts and finds no GPU although the machine has one.

## Why

An engine hands no device to a container by itself. NVIDIA's container toolkit adds the device nodes and the driver's
libraries: by a runtime that is registered with the engine, by a hook, or by a CDI specification. It is not installed,
not registered (the engine was not restarted since), registered with another engine (Docker from snap beside Docker
from a package, rootless beside root), its specification is older than the driver; or the container was started
without asking for a GPU.

## How to end it

Install the toolkit on the machine (not in the image), register it with the engine that runs the container, restart
the engine, and start the container with `--gpus all` (Docker), `--device nvidia.com/gpu=all` (Podman), or the device
plugin's resource (Kubernetes).

## How to prevent it

Make `docker run --rm --gpus all IMAGE nvidia-smi` the last step of setting up a machine.

## Example

```
docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].
```

## References

- https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
- https://github.com/NVIDIA/nvidia-container-toolkit/issues/154
- https://github.com/NVIDIA/nvidia-container-toolkit/issues/302
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts, Known
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import (
    ACCESS_DEVICES,
    CONTAINER_ENGINE,
    CONTAINER_GPU_SUPPORT,
    CONTAINER_VISIBLE,
    FRAMEWORKS,
    NVIDIA_DEVICES,
    NVIDIA_DRIVER,
)
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_TOOLS = r"nvidia-(?:container-(?:runtime(?:-hook)?|cli|toolkit)|ctk)"

CAUSE = Cause(
    slug="container-no-gpu-runtime",
    severity=Severity.ERROR,
    needs=(NVIDIA_DRIVER,),
    uses=(CONTAINER_ENGINE, CONTAINER_GPU_SUPPORT, CONTAINER_VISIBLE, ACCESS_DEVICES, NVIDIA_DEVICES, FRAMEWORKS),
    message="the machine has an NVIDIA driver, and {who}",
    signatures=(
        Signature(
            "could not select device driver",
            r'could not select device driver "?(?P<driver>[^"\s]{0,40})"? with capabilities',
            message="the container engine knows no way to give a container a GPU",
        ),
        Signature("unknown or invalid runtime name: nvidia"),
        Signature("Unknown runtime specified nvidia"),
        Signature('no runtime for "nvidia" is configured'),
        Signature('no runtime for \\"nvidia\\" is configured'),
        Signature("RuntimeHandler", r'RuntimeHandler \\?"nvidia\\?" not supported'),
        Signature("RuntimeClass", r'RuntimeClass(?:\.node\.k8s\.io)? \\?"nvidia\\?" not found'),
        Signature("unresolvable CDI devices"),
        Signature("CDI device injection failed"),
        Signature("failed to inject CDI devices"),
        Signature("nvidia-c", _TOOLS + r"\W{0,6}.{0,60}(?:executable file not found|no such file or directory)"),
        Signature("nvidia-docker: command not found"),
        Signature("nvidia-container-cli: ldcache error"),
        Signature("nvidia-container-cli: container error: cgroup subsystem devices not found"),
        # Said by the entry points of NVIDIA's own images.
        Signature("The NVIDIA Driver was not detected", weight=0.95),
        Signature("Use the NVIDIA Container Toolkit to start this container with GPU support", weight=0.95),
        Signature("load library failed: libnvidia-ml", r"initialization error: load library failed", weight=0.95),
        Signature("nvidia-container-cli: mount error", weight=0.85),
        Signature("nvidia-container-cli: detection error", weight=0.85),
        Signature("nvidia-container-cli: device error", weight=0.75),
    ),
    related=("gpu-not-visible", "container-cuda-require", "permission-denied", "unschedulable"),
)

_NONE = frozenset({"", "void", "none"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Inside: the kernel has the driver and the container got no node. Outside: an engine without a toolkit."""
    if isinstance(facts.fact(CONTAINER_ENGINE), Known):
        yield from _inside(facts)
        return
    support = facts.fact(CONTAINER_GPU_SUPPORT)
    if isinstance(support, Known) and not support.value:
        yield CAUSE.finding(
            facts,
            "container engine",
            evidence=(CONTAINER_GPU_SUPPORT, NVIDIA_DRIVER),
            # It matters to those only who mean to run containers here.
            severity=Severity.INFO,
            who=say("the container engine here has nothing to hand GPUs to containers with"),
        )


def _inside(facts: Facts) -> Iterator[Finding]:
    nodes = facts.fact(ACCESS_DEVICES)
    if facts.get_value(NVIDIA_DEVICES, ()) or not isinstance(nodes, Known):
        return
    if any("/nvidia" in node.path or node.path == "/dev/dxg" for node in nodes.value):
        return
    wanted = facts.get_value(CONTAINER_VISIBLE, "")
    builds = any(build.accelerator == "cuda" for build in facts.get_value(FRAMEWORKS, ()))
    if wanted in _NONE and not builds:
        return  # no user wants one
    yield CAUSE.finding(
        facts,
        facts.value(CONTAINER_ENGINE),
        evidence=(ACCESS_DEVICES, CONTAINER_VISIBLE, NVIDIA_DRIVER),
        severity=Severity.ERROR if wanted not in _NONE else Severity.WARNING,
        who=say("this container was given none of its devices"),
        engine=facts.value(CONTAINER_ENGINE),
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Install and register the toolkit; then ask for the device."""
    yield Remedy(
        why=say("On the machine itself: install NVIDIA's container toolkit and register it with Docker."),
        commands=(
            "sudo apt-get install -y nvidia-container-toolkit",
            "sudo nvidia-ctk runtime configure --runtime=docker",
            "sudo systemctl restart docker",
        ),
    )
    yield Remedy(
        why=say("For Podman, or where CDI is used: write the specification anew, as after each driver update."),
        commands=("sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml", "nvidia-ctk cdi list"),
    )
    yield Remedy(
        why=say("Start the container with a request for the GPU."),
        commands=("docker run --rm --gpus all ubuntu:22.04 nvidia-smi",),
        safe=True,
    )
