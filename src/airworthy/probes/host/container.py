"""Containers: whether this is one, what asks for GPUs in it, and what could give GPUs to containers here."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Known
from airworthy.core.keys import CONTAINER_ENGINE, CONTAINER_GPU_SUPPORT, CONTAINER_REQUIRE, CONTAINER_VISIBLE
from airworthy.core.messages import say
from airworthy.probes.host.cgroups import MEMBERSHIP
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

_MARKS = (("/.dockerenv", "docker"), ("/run/.containerenv", "podman"))
_VARIABLES = (
    ("KUBERNETES_SERVICE_HOST", "kubernetes"),
    ("APPTAINER_CONTAINER", "apptainer"),
    ("SINGULARITY_CONTAINER", "singularity"),
)
_GROUPS = re.compile(r"(?m)^\d+:[^:\n]*:/[^\n]*?(kubepods|docker|libpod|containerd|lxc)\b")
_OF_GROUP = {"kubepods": "kubernetes", "libpod": "podman"}
_ENGINES = (
    "/usr/bin/docker",
    "/usr/local/bin/docker",
    "/snap/bin/docker",
    "/usr/bin/podman",
    "/usr/bin/containerd",
    "/usr/bin/nerdctl",
)
_SUPPORT = (
    ("/etc/cdi/nvidia.yaml", "cdi"),
    ("/var/run/cdi/nvidia.yaml", "cdi"),
    ("/usr/bin/nvidia-container-runtime", "nvidia-container-runtime"),
    ("/usr/local/nvidia/toolkit/nvidia-container-runtime", "nvidia-container-runtime"),
    ("/run/current-system/sw/bin/nvidia-container-runtime", "nvidia-container-runtime"),
    ("/usr/bin/nvidia-container-runtime-hook", "nvidia-container-runtime-hook"),
    ("/usr/bin/nvidia-container-toolkit", "nvidia-container-runtime-hook"),
    ("/usr/bin/amd-container-runtime", "amd-container-runtime"),
    ("/usr/local/Ascend/Ascend-Docker-Runtime/ascend-docker-runtime", "ascend-docker-runtime"),
)


def read(host: Host) -> Reading:
    """Read what holds inside of a container, and what holds around one."""
    for key, name in ((CONTAINER_VISIBLE, "NVIDIA_VISIBLE_DEVICES"), (CONTAINER_REQUIRE, "NVIDIA_REQUIRE_CUDA")):
        value = host.env(name)
        # An administrator's switch turns all requirements off.
        off = key is CONTAINER_REQUIRE and host.env("NVIDIA_DISABLE_REQUIRE") in {"1", "true"}
        if value is None or off:
            yield key, Absent(say("{name} is not set, or is turned off", name=name))
        else:
            yield key, Known(value, name)
    system = host.uname()[0]
    if system != "Linux":
        absent = Absent(say("on {system} containers run in a virtual machine of their own", system=system))
        yield CONTAINER_ENGINE, absent
        yield CONTAINER_GPU_SUPPORT, absent
        return
    engine = _engine(host)
    if engine is not None:
        yield CONTAINER_ENGINE, engine
        yield CONTAINER_GPU_SUPPORT, Absent(say("this is a container itself"))
        return
    yield CONTAINER_ENGINE, Absent(say("nothing marks this as a container"))
    engines = [path for path in _ENGINES if host.exists(path)]
    if not engines:
        yield CONTAINER_GPU_SUPPORT, Absent(say("no container engine is installed"))
        return
    found = dict.fromkeys(name for path, name in _SUPPORT if host.exists(path))
    yield CONTAINER_GPU_SUPPORT, Known(tuple(found), say("{engine} and files of toolkits", engine=engines[0]))


def _engine(host: Host) -> Known | None:
    for name, engine in _VARIABLES:
        if host.env(name):
            return Known(engine, name)
    for path, engine in _MARKS:
        if host.exists(path):
            return Known(engine, path)
    try:
        engine = engine_of_groups(host.read(MEMBERSHIP, 65536).decode("utf-8", "replace"))
    except HostError:
        engine = ""  # a kernel without control groups has no containers either
    return Known(engine, MEMBERSHIP) if engine else None


def engine_of_groups(text: str) -> str:
    """The engine that a process's control groups name; empty outside of a container."""
    match = _GROUPS.search(text)
    return _OF_GROUP.get(match[1], match[1]) if match else ""


PROBE = Probe("container", (CONTAINER_ENGINE, CONTAINER_GPU_SUPPORT, CONTAINER_VISIBLE, CONTAINER_REQUIRE), read)
"""Container, its requests for GPUs, and the host's means to grant them."""
