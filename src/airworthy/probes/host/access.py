"""What this user may reach: the places that a deployment writes to, and the device nodes of accelerators."""

from __future__ import annotations

import contextlib
import re

from airworthy.core.facts import Absent, Known
from airworthy.core.keys import ACCESS_DEVICES, ACCESS_PLACES, CUDA_VISIBLE
from airworthy.core.messages import say
from airworthy.core.values import Access
from airworthy.probes.host.disks import nearest, places
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

DEVICES = "/dev"
RENDER = "/dev/dri"
_NODES = re.compile(r"nvidia(?:\d{1,3}|ctl|-uvm)|kfd|davinci(?:\d{1,3}|_manager)|dxg|accel\d{1,3}|cambricon_dev\d{1,3}")
_RENDER = re.compile(r"renderD\d{1,4}")


def read(host: Host) -> Reading:
    """Read what the environment hides, then places and nodes."""
    visible = host.env("CUDA_VISIBLE_DEVICES")
    source = "CUDA_VISIBLE_DEVICES"
    yield CUDA_VISIBLE, Absent(say("{name} is not set", name=source)) if visible is None else Known(visible, source)
    found, problems = [], []
    for use, path in places(host):
        if use != "shm":
            try:
                found.append(_access(host, use, nearest(host, path)))
            except HostError as error:
                problems.append(f"{use}: {error}")
    if not found:
        raise HostError("; ".join(problems) or say("no place to write to is known"))
    yield ACCESS_PLACES, Known(tuple(found), "; ".join(["stat", *problems]))
    system = host.uname()[0]
    if system != "Linux":
        yield ACCESS_DEVICES, Absent(say("{system} has no device nodes of accelerators", system=system))
        return
    yield ACCESS_DEVICES, Known(tuple(_access(host, "device", path) for path in _nodes(host)), DEVICES)


def _nodes(host: Host) -> tuple[str, ...]:
    nodes = [f"{DEVICES}/{name}" for name in host.list(DEVICES) if _NODES.fullmatch(name)]
    with contextlib.suppress(HostError):  # there is none without a graphics device
        nodes += [f"{RENDER}/{name}" for name in host.list(RENDER) if _RENDER.fullmatch(name)]
    return tuple(nodes)


def _access(host: Host, use: str, path: str) -> Access:
    rights = host.permissions(path)
    return Access(
        use=use,
        path=path,
        readable=rights.readable,
        writable=rights.writable,
        mode=f"{rights.mode:04o}",
        owner=rights.owner,
        group=rights.group,
    )


PROBE = Probe("access", (CUDA_VISIBLE, ACCESS_PLACES, ACCESS_DEVICES), read)
"""Rights at the places that a deployment writes to and at device nodes."""
