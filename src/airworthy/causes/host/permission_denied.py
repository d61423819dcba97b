"""A path, a device node or a cache directory is not accessible to this user.

## What happens

The service works for one user and not for another: `[Errno 13] Permission denied` on a cache, a model or a socket,
`Insufficient Permissions` from the GPU's driver. It often begins with a move into a container or under systemd.

## Why

The process runs as a user who may not read or write there: caches that an earlier run as root created, a volume that
belongs to another user id than the container's, a home directory that a service account does not have
(`HOME=/nonexistent`), device nodes that belong to a group the user is not in, a socket of the container engine, a
security module (SELinux, AppArmor) that says no though the permission bits say yes.

For AMD's nodes `/dev/kfd` and `/dev/dri/renderD*` see `rocm-permission`.

## How to end it

Find out who the process is and whose the path is. Give the user what it needs, and no more: ownership of its own
cache, membership in the device's group. Or point caches (`HF_HOME`, `TMPDIR`) to a directory that is its own.

## How to prevent it

Set the user and writable directories in the image and the unit, run `airworthy check` as that user, and do not run
parts of a deployment as root.

## Example

```
PermissionError: [Errno 13] Permission denied: '/root/.cache/huggingface/hub'
```

## References

- https://github.com/av/harbor/issues/262
- https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
- https://man7.org/linux/man-pages/man7/path_resolution.7.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, on_windows
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import ACCESS_DEVICES, ACCESS_PLACES, DISKS
from airworthy.core.messages import say
from airworthy.core.values import Access
from airworthy.knowledge import Knowledge

# AMD's nodes, and refusals of other services, are other causes.
_HERE = r"^(?!.*(?:/dev/kfd|renderD\d|publickey|amdgpu|registry|pull access))"
_NAMED = "this user may not use {path}"

CAUSE = Cause(
    slug="permission-denied",
    severity=Severity.ERROR,
    needs=(ACCESS_PLACES,),
    uses=(ACCESS_DEVICES, DISKS),
    message="this user may not {what} {path} (mode {mode}, owner {owner}, group {group})",
    signatures=(
        Signature("permission denied while trying to connect to the Docker daemon socket"),
        Signature("permission denied while trying to connect to the docker API"),
        Signature("Failed to initialize NVML: Insufficient Permissions"),
        Signature("NVMLError_NoPermission"),
        Signature(
            "[Errno 13] Permission denied",
            r"\[Errno 13\] Permission denied: '(?P<path>(?!/dev/kfd|/dev/dri)[^'\n]{1,400})'",
            message=_NAMED,
        ),
        Signature("[Errno 13] Permission denied", _HERE),
        Signature("There was a problem when trying to write in your cache folder"),
        Signature("Call to shm_open failed : Permission denied"),
        Signature("unable to open shared memory object", r"Permission denied \(13\)"),
        Signature(
            "could not open the device file /dev/nvidia",
            r"/dev/nvidia\w* \((?:Operation not permitted|Permission denied)\)",
        ),
        Signature("PermissionError", _HERE, weight=0.95),
        Signature("[WinError 5]", weight=0.95),
        Signature("Permission denied", _HERE, weight=0.95),
        Signature("permission denied", _HERE, weight=0.95),
        Signature("EACCES", _HERE, weight=0.95),
        Signature("Insufficient Permissions", weight=0.9),
        Signature("is not writable or doesn't exist", weight=0.9),
        Signature("is not a writable directory", weight=0.9),
        Signature("Access is denied", weight=0.85),
        Signature("avc:  denied", weight=0.85),
        Signature("Operation not permitted", _HERE, weight=0.8),
    ),
    blind_spot="facts cover the places that deployments use, and not every path",
    related=("rocm-permission", "volume-not-mounted", "gpu-not-visible", "port-in-use"),
)

_NVIDIA = "/dev/nvidia"


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Places that must be writable and are not; GPU nodes that this user may not open."""
    read_only = {disk.path for disk in facts.get_value(DISKS, ()) if disk.read_only}
    for place in facts.value(ACCESS_PLACES):
        if place.writable or place.path in read_only:
            continue  # a file system that is mounted read-only is another cause
        if place.use == "temp":
            yield _finding(facts, place, Severity.ERROR)
        elif place.use == "cache":
            yield _finding(facts, place, Severity.WARNING)
        elif place.use == "home":
            # The caches of pip and of the model hub are there unless something says otherwise.
            yield _finding(facts, place, Severity.INFO)
    for node in facts.get_value(ACCESS_DEVICES, ()):
        if node.path.startswith(_NVIDIA) and not (node.readable and node.writable):
            yield _finding(facts, node, Severity.ERROR)


def _finding(facts: Facts, access: Access, severity: Severity) -> Finding:
    return CAUSE.finding(
        facts,
        access.path,
        evidence=(ACCESS_DEVICES if access.use == "device" else ACCESS_PLACES,),
        severity=severity,
        what=say("open") if access.use == "device" else say("write to"),
        path=access.path,
        use=access.use,
        mode=access.mode or say("unknown"),
        owner=access.owner or say("unknown"),
        group=access.group or say("unknown"),
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Who and whose; then membership for a node, a place of its own for the rest."""
    path, group = str(params.get("path", "")), str(params.get("group", ""))
    if on_windows(facts):
        yield Remedy(
            why=say("Show who may do what there, and who this is."),
            commands=("whoami", command(facts, "icacls", path or ".")),
            safe=True,
        )
        return
    yield Remedy(
        why=say("Show who this is, and whose each directory on the way is."),
        commands=("id", command(facts, "namei", "-l", path or ".")),
        safe=True,
    )
    if params.get("use") == "device" and group not in {"", "root", say("unknown")}:
        yield Remedy(
            why=say("Add this user to the group of the node, and log in again.", path=path),
            commands=(f'sudo usermod -aG {group} "$USER"',),
        )
    elif not path.startswith("/dev/"):
        yield Remedy(
            why=say("Let caches and temporary files lie where this user may write."),
            commands=('mkdir -p "$PWD/cache" "$PWD/tmp"', 'export HF_HOME="$PWD/cache" TMPDIR="$PWD/tmp"'),
            safe=True,
        )
