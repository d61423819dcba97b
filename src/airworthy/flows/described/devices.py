"""The devices and drivers of a described machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.core import keys
from airworthy.core.facts import Absent, Fact, Known
from airworthy.core.keys import Key
from airworthy.core.messages import say
from airworthy.core.values import (
    Device,
)
from airworthy.core.version import Version
from airworthy.flows.described.description import KNOWN, SOURCE, Description, version
from airworthy.knowledge.devices import Model, memory_in


def device_facts(described: Description) -> Iterator[tuple[Key[Any], Fact]]:
    """The device, and which of several are visible."""
    name = _device_name(described) or {"nvidia": say("the GPU"), "amd": say("the AMD GPU")}.get(
        described.vendor, described.vendor
    )
    device = Device(
        vendor=described.vendor, name=name, memory=memory_in(described.get("gpu")), architecture=described.architecture
    )
    asked = any(described.get(key) for key in ("gpu", "compute_capability", "gfx", "accelerator", "rocm"))
    asked = asked or described.given.get("needs_ptx_jit") is True
    if not asked:
        return
    source = _source_of(described.models) if described.models and not described.get("compute_capability") else SOURCE
    key = {"nvidia": keys.NVIDIA_DEVICES, "amd": keys.AMD_DEVICES, "ascend": keys.ASCEND_DEVICES}.get(described.vendor)
    if key is not None:
        yield key, Known((device,), source)
    visible = described.given.get("visible", described.given.get("env", {}).get("CUDA_VISIBLE_DEVICES"))
    if visible is not None and described.vendor == "nvidia":
        yield keys.CUDA_VISIBLE, Known(str(visible), SOURCE)


def _device_name(described: Description) -> str:
    """The name as the maker's tools says it, with the class that people leave out."""
    name = described.get("gpu")
    geforce = {model.kind for model in described.models} == {"geforce"} or described.get(
        "gpu_class"
    ).lower() == "geforce"
    return f"NVIDIA GeForce {name}" if name and geforce and "geforce" not in name.lower() else name


def _source_of(models: tuple[Model, ...]) -> str:
    return say("given, and {source}", source=models[0].source)


def driver_facts(described: Description) -> Iterator[tuple[Key[Any], Fact]]:
    """The NVIDIA driver and the CUDA that it speaks."""
    speaks = described.number("driver_cuda")
    if described.get("driver") and described.vendor in {"nvidia", ""}:
        yield keys.NVIDIA_DRIVER, Known(version(described.get("driver")), SOURCE)
    elif speaks is not None:
        branch = KNOWN.driver_that_speaks(speaks)
        if branch is not None:
            source = say("given: a driver that speaks CUDA {cuda} is of this branch", cuda=speaks)
            yield keys.NVIDIA_DRIVER, Known(branch, source)
    lent = _lent_cuda(described)
    if lent is not None:
        yield keys.NVIDIA_CUDA, Known(lent, say("given: the forward-compatibility package lends it"))
    elif speaks is not None:
        yield keys.NVIDIA_CUDA, Known(speaks, SOURCE)


def _lent_cuda(described: Description) -> Version | None:
    """The CUDA that a forward-compatibility package lends: only where the device is one that it is made for."""
    package = described.get("cuda_compat_package")
    kinds = {model.kind for model in described.models} | {described.get("gpu_class").lower()}
    if re.match(r"\d", package) and "datacentre" in kinds and described.get("driver"):
        return version(package)
    return None


def other_vendor_facts(described: Description) -> Iterator[tuple[Key[Any], Fact]]:
    """Drivers and toolkits of AMD and Ascend devices."""
    env = described.given.get("env", {})
    override = env.get("HSA_OVERRIDE_GFX_VERSION")
    if override:
        yield keys.AMD_GFX_OVERRIDE, Known(override, SOURCE)
    elif described.vendor == "amd":
        yield keys.AMD_GFX_OVERRIDE, Absent(SOURCE)
    user = described.number("rocm_user") or described.number("rocm")
    if user is not None:
        yield keys.ROCM_VERSION, Known(user, SOURCE)
    if described.get("rocm_kmd"):
        yield keys.AMD_DRIVER, Known(version(described.get("rocm_kmd")), SOURCE)
        yield keys.PLAN_ROCM_DRIVER, Known(version(described.get("rocm_kmd")), SOURCE)
    if described.get("cann"):
        yield keys.ASCEND_CANN, Known(Version(described.get("cann")), SOURCE)
    if described.vendor == "ascend" and described.get("driver"):
        yield keys.ASCEND_DRIVER, Known(version(described.get("driver")), SOURCE)
    abi = re.search(r"[01]\b", described.get("nnal_cxx_abi"))
    if abi:
        yield keys.ASCEND_NNAL_ABI, Known(int(abi[0]), SOURCE)
