"""AMD devices, their driver and ROCm: from sysfs, else from rocm-smi."""

from __future__ import annotations

import posixpath
import re

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import AMD_DEVICES, AMD_DRIVER, AMD_GFX_OVERRIDE, ROCM_VERSION
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.probes.accelerators.pci import on_bus
from airworthy.probes.accelerators.rocm_json import parse_cards
from airworthy.probes.accelerators.smi import detect_device, output
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

VENDOR = "1002"
NODES = "/sys/class/kfd/kfd/topology/nodes"
MODULE = "/sys/module/amdgpu"
ROCM = "/opt/rocm"
MOST_NODES = 512
_HEAPS = ("1", "2")
"""Kinds of memory banks that are the device's own: frame buffer, public and private."""


def read(host: Host) -> Reading:
    """Read devices, driver, ROCm and the override of the gfx target."""
    override = host.env("HSA_OVERRIDE_GFX_VERSION")
    yield (
        AMD_GFX_OVERRIDE,
        Known(override, "HSA_OVERRIDE_GFX_VERSION") if override else Absent(say("HSA_OVERRIDE_GFX_VERSION is not set")),
    )
    yield ROCM_VERSION, _rocm(host)
    # The drivers of DCUs make the same node beside their own, with no AMD device behind it.
    nodes = () if host.exists("/dev/mkfd") else ("/dev/kfd",)
    where, absent = detect_device(host, VENDOR, ("03", "12"), nodes, "AMD")
    if absent is not None:
        yield AMD_DEVICES, absent
        yield AMD_DRIVER, absent
        return
    yield AMD_DRIVER, _driver(host)
    try:
        devices = kfd_devices(host)
        if devices:
            yield AMD_DEVICES, Known(devices, NODES)
            return
        reason = say("{path} shows no GPU", path=NODES)
    except HostError as error:
        reason = str(error)
    try:
        text = output(host, ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"), (f"{ROCM}/bin",))
        yield AMD_DEVICES, Known(parse_cards(text, "amd", "rocm-smi"), "rocm-smi")
    except HostError as error:
        yield AMD_DEVICES, Unknown(f"{reason}; {error}; {where}")


def kfd_devices(host: Host) -> tuple[Device, ...]:
    """The GPUs in the kernel driver's topology, in the order in which HIP counts them.

    Raises:
        HostError: the driver is not loaded, or the topology may not be read.
    """
    names = sorted((name for name in host.list(NODES) if name.isdigit()), key=int)[:MOST_NODES]
    found: list[Device] = []
    for name in names:
        folder = f"{NODES}/{name}"
        properties = parse_properties(host.read(f"{folder}/properties", 65536).decode("ascii", "replace"))
        if properties.get("simd_count", 0) == 0:
            continue  # a processor
        found.append(
            Device(
                vendor="amd",
                name=_name(host, folder, properties),
                index=len(found),
                memory=_memory(host, folder),
                architecture=gfx(properties.get("gfx_target_version", 0)),
            )
        )
    return tuple(found)


def parse_properties(text: str) -> dict[str, int]:
    """The numbers of a `properties` file, by name."""
    return {name: int(value) for name, value in re.findall(r"(?m)^(\w{1,60}) (\d{1,20})$", text[:65536])}


def gfx(target: int) -> str:
    """The name of a target from its number: 90402 → gfx942, 90010 → gfx90a, 110000 → gfx1100; empty for none."""
    major, minor, step = target // 10000, target // 100 % 100, target % 100
    return f"gfx{major}{minor:x}{step:x}" if major else ""


def _memory(host: Host, folder: str) -> int | None:
    try:
        banks = host.list(f"{folder}/mem_banks")[:64]
        read_banks = [
            parse_properties(host.read(f"{folder}/mem_banks/{bank}/properties", 4096).decode("ascii", "replace"))
            for bank in banks
        ]
    except HostError:
        return None
    own = [bank.get("size_in_bytes", 0) for bank in read_banks if str(bank.get("heap_type", "")) in _HEAPS]
    return sum(own) or None


def _name(host: Host, folder: str, properties: dict[str, int]) -> str:
    """The marketing name that the card's own memory holds, else the code name, else the PCI id."""
    location = properties.get("location_id", 0)
    address = f"{properties.get('domain', 0):04x}:{location >> 8 & 0xFF:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"
    for path in (f"/sys/bus/pci/devices/{address}/product_name", f"{folder}/name"):
        try:
            text = host.read(path, 256).decode("utf-8", "replace").strip()
        except HostError:
            continue
        if text:
            return text[:100]
    return say("AMD device {device:04x}", device=properties.get("device_id", 0))


def _driver(host: Host) -> Known | Absent | Unknown:
    path = f"{MODULE}/version"
    if host.exists(path):
        try:
            return Known(Version(host.read(path, 256).decode("ascii", "replace").strip()), path)
        except (HostError, ValueError) as error:
            return Unknown(str(error))
    if host.exists(MODULE):
        return Absent(say("amdgpu is the kernel's own: {path} is not there", path=path))
    try:
        bound = {device.driver for device in on_bus(host)[0] if device.vendor == VENDOR}
    except HostError as error:
        return Unknown(str(error))
    return Unknown(say("amdgpu is not loaded; the device is driven by {driver}", driver=", ".join(bound - {""}) or "-"))


def _rocm(host: Host) -> Known | Absent | Unknown:
    for root in dict.fromkeys((host.env("ROCM_PATH") or ROCM, ROCM)):
        path = posixpath.join(root, ".info/version")
        if host.exists(path):
            try:
                text = host.read(path, 256).decode("ascii", "replace").strip()
                return Known(Version(text.partition("-")[0]), path)
            except (HostError, ValueError) as error:
                return Unknown(str(error))
    return Absent(say("no {path}", path=f"{ROCM}/.info/version"))


PROBE = Probe("amd", (AMD_DEVICES, AMD_DRIVER, ROCM_VERSION, AMD_GFX_OVERRIDE), read)
"""AMD Instinct and Radeon, and ROCm."""
