"""This user may not open the AMD device: /dev/kfd or a render node is closed to them.

## What happens

`rocminfo` says `Unable to open /dev/kfd read-write`, the framework sees no device, and programs that insist say `No
devices found` or fall back to the CPU. As root the same program works.

## Why

ROCm reaches the device through `/dev/kfd` and `/dev/dri/renderD128` and on. They belong to the group `render` (on
some systems `video`), and the user is in neither: on a machine because they were not added, or they have not logged
in again since; in a container because the group's number is another inside, or the nodes were not passed in at all.

## How to end it

On the machine add the user to the groups that own the nodes and log in again. For a container pass both nodes and
add the groups by number, for `render` has no fixed one.

## How to prevent it

Add the service's user to the groups in the recipe that makes the machine, and keep the container's flags in one
place with its image.

## Example

```
ROCk module is loaded
Unable to open /dev/kfd read-write: Permission denied
```

## References

- https://rocm.docs.amd.com/projects/install-on-linux/en/latest/install/prerequisites.html
- https://github.com/ollama/ollama/issues/7723
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import ACCESS_DEVICES, FRAMEWORKS, PCI_DEVICES
from airworthy.core.messages import say
from airworthy.core.values import Access
from airworthy.knowledge import Knowledge

_NODE = r"(?P<node>/dev/(?:kfd|dri/renderD\d{1,4}|dri/card\d{1,4}))"
_REFUSED = r"(?i:permission denied|operation not permitted|not permitted)"
_NAMED = "this user may not open {node}"

CAUSE = Cause(
    slug="rocm-permission",
    severity=Severity.ERROR,
    needs=(ACCESS_DEVICES, FRAMEWORKS),
    uses=(PCI_DEVICES,),
    message="this user may not open {node}, which belongs to group {group}",
    signatures=(
        Signature("/dev/kfd", _NODE + r"[^\n]{0,80}" + _REFUSED, message=_NAMED),
        Signature("/dev/dri/", _NODE + r"[^\n]{0,80}" + _REFUSED, message=_NAMED),
        Signature("/dev/kfd", _REFUSED + r"[^\n]{0,80}" + _NODE, message=_NAMED),
        Signature("/dev/dri/", _REFUSED + r"[^\n]{0,80}" + _NODE, message=_NAMED),
        Signature("amdgpu devices detected but permission problems block access"),
        Signature(
            "Unable to open /dev/kfd read-write: ",
            r"read-write: (?:No such file or directory|Invalid argument)",
            weight=0.9,
            message="/dev/kfd is not here: it was not passed into the container, or the kernel module is not loaded",
        ),
        Signature("Failed to get user name to check for video group membership", weight=0.9),
        Signature(
            " group",
            r"\b(?:is|are) not (?:a )?members? of (?:the )?[\"']?(?P<group>render|video)[\"']? group",
            weight=0.95,
            message="the user is not in the group {group}",
        ),
        Signature("Could not initialize Tensile host: No devices found", weight=0.9),
        Signature("hipErrorNoDevice", weight=0.6),
        Signature("HSA_STATUS_ERROR_OUT_OF_RESOURCES", weight=0.6),
    ),
    related=("gpu-not-visible", "permission-denied", "rocm-gfx-unsupported", "container-no-gpu-runtime"),
)

_AMD = "1002"
KFD = "/dev/kfd"
"""The node of the compute driver; render nodes beside it may belong to other makers' devices as well."""


def _kfd_first(node: Access) -> tuple[bool, str]:
    return node.path != KFD, node.path


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The first node that this user may not use; they share a group, so one remedy ends them all."""
    nodes = facts.value(ACCESS_DEVICES)
    if any(node.path == KFD for node in nodes):
        ours = sorted((node for node in nodes if node.path == KFD or "/renderD" in node.path), key=_kfd_first)
    else:
        ours = []
    # Beside a framework for other devices, an AMD device drives the screen and computes nothing.
    wanted = any(build.accelerator == "rocm" for build in facts.value(FRAMEWORKS))
    closed = next((node for node in ours if not (node.readable and node.writable)), None)
    if closed is not None:
        yield CAUSE.finding(
            facts,
            closed.path,
            evidence=(ACCESS_DEVICES,),
            severity=Severity.ERROR if wanted else Severity.INFO,
            node=closed.path,
            group=closed.group or say("of unknown name"),
        )
    elif wanted and not ours and any(d.vendor == _AMD for d in facts.get_value(PCI_DEVICES, ())):
        yield CAUSE.finding(
            facts,
            KFD,
            evidence=(ACCESS_DEVICES, PCI_DEVICES),
            confidence=Confidence.MEDIUM,
            message="there is an AMD device on the PCI bus, and {node} is not here",
            node=KFD,
        )


_CONTAINER = (
    "docker run --device /dev/kfd --device /dev/dri --group-add video"
    ' --group-add "$(getent group render | cut -d: -f3)" IMAGE'
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The groups on a machine, the flags of a container."""
    yield Remedy(
        why=say("Show who may open the nodes, and which groups this user is in."),
        commands=("ls -l /dev/kfd /dev/dri/renderD*", "id"),
        safe=True,
    )
    yield Remedy(
        why=say("On the machine: add the user to the groups that own the nodes, then log in again."),
        commands=('sudo usermod -a -G render,video "$USER"',),
    )
    yield Remedy(
        why=say("For a container: pass the nodes in and add the group by its number on the host."),
        commands=(_CONTAINER,),
        safe=True,
    )
