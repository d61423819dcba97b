"""Intel GPUs and their driver: from xpu-smi, else from the PCI bus and the kernel module."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import INTEL_DEVICES, INTEL_DRIVER, INTEL_SDK
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.probes.accelerators.pci import on_bus
from airworthy.probes.accelerators.smi import detect_device, output
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

VENDOR = "8086"
MODULES = ("xe", "i915")


def read(host: Host) -> Reading:
    """Read devices, driver and Level Zero."""
    _, absent = detect_device(host, VENDOR, ("03", "12"), (), "Intel")
    if absent is not None:
        for key in PROBE.provides:
            yield key, absent
        return
    devices, source = on_bus(host)
    mine = [device for device in devices if device.vendor == VENDOR]
    yield INTEL_DRIVER, _driver(host, {device.driver for device in mine})
    yield INTEL_SDK, Unknown(say("Level Zero is not asked for its version yet"))
    try:
        # Kunlunxin's tool has the same name, but no such verb.
        yield INTEL_DEVICES, Known(parse_discovery(output(host, ("xpu-smi", "discovery", "-j"))), "xpu-smi")
    except HostError:
        listed = tuple(
            Device(vendor="intel", name=say("Intel device {device}", device=each.device), index=index)
            for index, each in enumerate(mine)
        )
        yield INTEL_DEVICES, Known(listed, source)


def _driver(host: Host, bound: set[str]) -> Known | Absent | Unknown:
    for module in MODULES:
        path = f"/sys/module/{module}/version"
        if host.exists(path):
            try:
                return Known(Version(host.read(path, 256).decode("ascii", "replace").strip()), path)
            except (HostError, ValueError) as error:
                return Unknown(str(error))
    names = sorted(bound - {""})
    if names:
        return Absent(say("{driver} is the kernel's own", driver=", ".join(names)))
    return Unknown(say("no driver is bound to the device"))


def parse_discovery(text: str) -> tuple[Device, ...]:
    """The devices in `xpu-smi discovery -j`.

    Raises:
        HostError: it is something else, or names no device.
    """
    try:
        data: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        data = None
    listed = data.get("device_list") if isinstance(data, dict) else None
    devices = []
    for index, each in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(each, dict) and isinstance(each.get("device_name"), str):
            size = str(each.get("memory_physical_size_byte", ""))
            devices.append(
                Device(
                    vendor="intel",
                    name=each["device_name"][:100],
                    index=index,
                    memory=int(size) if re.fullmatch(r"\d{1,18}", size) else None,
                )
            )
    if not devices:
        raise HostError(say("xpu-smi names no device"))
    return tuple(devices)


PROBE = Probe("intel", (INTEL_DEVICES, INTEL_DRIVER, INTEL_SDK), read)
"""Intel Arc, Flex, Max and integrated graphics."""
