"""Accelerators and display devices on the PCI bus, whether or not a driver knows them."""

from __future__ import annotations

import posixpath
import re

from airworthy.core.facts import Known
from airworthy.core.keys import PCI_DEVICES
from airworthy.core.messages import say
from airworthy.core.values import PciDevice
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.sharing import shared

BUS = "/sys/bus/pci/devices"
KINDS = ("03", "12", "0b40")
"""Beginnings of the class codes that are reported: display, processing accelerator, co-processor."""
MOST_DEVICES = 4096
"""Devices that are read."""


def read(host: Host) -> Reading:
    """Read the devices of the kinds in question."""
    yield PCI_DEVICES, Known(*on_bus(host))


def on_bus(host: Host) -> tuple[tuple[PciDevice, ...], str]:
    """The devices and what says so, read once a gathering: every vendor's probe asks.

    Raises:
        HostError: the bus cannot be read.
    """
    return shared(host, pci_devices)


def pci_devices(host: Host) -> tuple[tuple[PciDevice, ...], str]:
    """The devices, and what says so.

    Raises:
        HostError: the bus cannot be read.
    """
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    if not host.exists(BUS) and host.exists("/sys/bus"):
        return (), say("the kernel knows no PCI bus")
    addresses = host.list(BUS)[:MOST_DEVICES]
    return tuple(device for address in addresses if (device := _device(host, address))), BUS


def _device(host: Host, address: str) -> PciDevice | None:
    folder = f"{BUS}/{address}"
    try:
        kind = _number(host, f"{folder}/class", 6)
        if not kind.startswith(KINDS):
            return None
        vendor, device = _number(host, f"{folder}/vendor", 4), _number(host, f"{folder}/device", 4)
    except HostError:
        return None  # it was taken out meanwhile, or is none
    driver = f"{folder}/driver"
    name = posixpath.basename(host.resolve(driver)) if host.exists(driver) else ""
    return PciDevice(address=address, vendor=vendor, device=device, kind=kind, driver=name)


def _number(host: Host, path: str, digits: int) -> str:
    return parse_number(host.read(path, 64).decode("ascii", "replace"), digits)


def parse_number(text: str, digits: int) -> str:
    """A number as sysfs writes it, `0x10de`, as so many hexadecimal digits.

    Raises:
        HostError: it is not one.
    """
    match = re.fullmatch(r"0x([0-9a-f]{1,8})\s*", text.lower())
    if match is None:
        raise HostError(say("not a number: {text}", text=text[:20]))
    return match[1].zfill(digits)[-digits:]


PROBE = Probe("pci", (PCI_DEVICES,), read)
"""Accelerators and display devices on the bus."""
