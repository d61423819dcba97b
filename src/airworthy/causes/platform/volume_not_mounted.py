"""A volume is missing or not writable: claim pending, mount failed, read-only file system.

## What happens

The pod stays in `ContainerCreating` or `Pending`, with `FailedMount`, `FailedAttachVolume` or `unbound immediate
PersistentVolumeClaims` among its events; or the program starts and stops at its first write with `Read-only file
system`.

## Why

A claim waits for a volume that nothing makes: no storage class, the wrong one, no room, or a volume in another zone.
A volume of mode ReadWriteOnce is still attached to the node of the pod before. The node cannot reach the storage, or
lacks its mount program. A path, secret or config map that the pod names does not exist. A root file system was made
read-only for safety, and the program's cache lies on it.

## How to end it

Read the claim and the pod's events: they name the part that is missing. For a read-only file system, mount a
writable volume where the program writes, and point caches there (`HF_HOME`, `TMPDIR`).

## How to prevent it

Give shared models a ReadWriteMany or ReadOnlyMany volume, and name the storage class. `airworthy check` inside the
container sees read-only places before the program does.

## Example

```
  Warning  FailedMount  90s (x8 over 12m)  kubelet  MountVolume.SetUp failed for volume "models" :
mkdir /xinference: read-only file system
```

## References

- https://kubernetes.io/docs/concepts/storage/persistent-volumes/
- https://github.com/apecloud/kubeblocks/issues/7489
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISKS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_VOLUME = r'volume \\?"(?P<volume>[^"\\\s]{1,200})'
_FAILED = "the volume {volume} cannot be mounted"
_PATH = r"[\"'`]?(?P<path>/[^\s'\":`]{1,300})"

CAUSE = Cause(
    slug="volume-not-mounted",
    severity=Severity.ERROR,
    needs=(DISKS,),
    message="{path} is on a read-only file system, and the {use} directory has to be written to",
    signatures=(
        Signature("MountVolume.", r"MountVolume\.\w{1,40} failed for " + _VOLUME, message=_FAILED),
        Signature("AttachVolume.", r"AttachVolume\.\w{1,40} failed for " + _VOLUME, message=_FAILED),
        Signature(
            "Multi-Attach error for volume",
            r"error for " + _VOLUME,
            message="the volume {volume} is still attached to another node",
        ),
        Signature("unmounted volumes=[", r"unmounted volumes=\[(?P<volume>[^\]]{1,200})\]", message=_FAILED),
        Signature("Unable to mount volumes for pod", weight=0.95),
        Signature("unbound immediate PersistentVolumeClaims"),
        Signature("unbound PersistentVolumeClaims", weight=0.95),
        Signature(
            "persistentvolumeclaim ",
            r'persistentvolumeclaim \\?"(?P<claim>[^"\\]{1,200})\\?" (?:not found|is being deleted)',
            message="there is no claim {claim}",
        ),
        Signature("available persistent volumes to bind", r"didn't find available persistent volumes", weight=0.95),
        Signature("volume node affinity conflict", weight=0.9),
        Signature("no persistent volumes available for this claim"),
        Signature("waiting for a volume to be created", weight=0.95),
        Signature("failed to provision volume with StorageClass"),
        Signature(
            "storageclass.storage.k8s.io ",
            r'storageclass\.storage\.k8s\.io \\?"(?P<name>[^"\\]{1,200})\\?" not found',
            message="there is no storage class {name}",
        ),
        Signature("FailedAttachVolume", weight=0.85),
        Signature("FailedMount", weight=0.85),
        Signature("ProvisioningFailed", weight=0.85),
        Signature(
            "Read-only file system",
            r"Errno 30\] Read-only file system: " + _PATH,
            message="{path} is on a read-only file system",
        ),
        Signature("Read-only file system", weight=0.95),
        Signature("read-only file system", weight=0.95),
        Signature("EROFS: ", weight=0.95),
        Signature(
            "bind source path does not exist",
            r"path does not exist: " + _PATH,
            message="there is nothing at {path} to mount",
        ),
        Signature(
            "error while creating mount source path",
            r"source path " + _PATH,
            weight=0.95,
            message="the mount source {path} cannot be made",
        ),
        Signature("is not shared from the host and is not known to Docker"),
        Signature("Are you trying to mount a directory onto a file"),
        Signature("no such volume", r"(?i)from daemon: .{0,100}no such volume", weight=0.95),
        Signature("mount.nfs: ", weight=0.9),
        Signature("Transport endpoint is not connected", weight=0.8),
        Signature("Stale file handle", weight=0.8),
        Signature("wrong fs type, bad option, bad superblock", weight=0.95),
        Signature(
            "Pending",
            r"^\s*(?:persistentvolumeclaim/)?[\w.-]{1,100}\s+Pending\s+(?:\S+\s+){0,3}[\w-]*(?:storage|sc|nfs|longhorn|standard|gp[23])[\w-]*\s+\S*\s*\d+[smhd]",
            weight=0.8,
        ),
    ),
    related=("unschedulable", "permission-denied", "disk-full", "model-not-found"),
)

_USES = ("temp", "cache", "home", "work")


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Places that a deployment writes to and cannot; each file system once."""
    told: set[str] = set()
    for disk in sorted((d for d in facts.value(DISKS) if d.use in _USES), key=lambda d: _USES.index(d.use)):
        if not disk.read_only or disk.path in told:
            continue
        told.add(disk.path)
        yield CAUSE.finding(
            facts,
            disk.path,
            evidence=(DISKS,),
            # Without a temporary directory nothing goes; home and work are read-only in hardened containers on purpose.
            severity={"temp": Severity.ERROR, "cache": Severity.WARNING}.get(disk.use, Severity.INFO),
            path=disk.path,
            use=disk.use,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The part that is missing, or a place that can be written to."""
    path = params.get("path")
    if path is not None:
        yield Remedy(
            why=say("Show how it is mounted."), commands=(command(facts, "findmnt", "-T", str(path)),), safe=True
        )
        yield Remedy(
            why=say(
                "Mount a writable volume there, or point the program elsewhere: `TMPDIR`, `HF_HOME`, `XDG_CACHE_HOME`."
            ),
            safe=True,
        )
        return
    yield Remedy(
        why=say("Show the claims and what the cluster says of them: the missing part is named there."),
        commands=(
            "kubectl get pvc,pv,storageclass",
            "kubectl describe pvc",
            "kubectl get events --sort-by=.lastTimestamp",
        ),
        safe=True,
    )
    if "claim" in params:
        yield Remedy(why=say("Create the claim {claim} in the pod's own namespace.", claim=params["claim"]))
