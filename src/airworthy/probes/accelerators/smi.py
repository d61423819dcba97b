"""Vendors' management tools that print a table: one reader for all of them, one description a vendor.

A vendor's tool is run only where the PCI bus or a device node says that there is such a device: an absent vendor costs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from airworthy.core.facts import Absent, Fact, Known, Unknown
from airworthy.core.keys import Key
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.probes.accelerators.pci import on_bus
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

MIB = 1024 * 1024
LIMIT = 8.0
"""Seconds for a vendor's tool: some wake every device first."""
MOST_LINES = 5000
"""Lines of a tool's output that are read."""


class Told(NamedTuple):
    """What a vendor's tool said."""

    devices: tuple[Device, ...]
    """The devices, by index."""
    driver: str = ""
    """Version of the kernel driver; empty where it does not say."""
    sdk: str = ""
    """Version of the toolkit; empty where it does not say."""


@dataclass(frozen=True)
class Tool:
    """A vendor and its management tool."""

    vendor: str
    """The vendor's name in facts, `cambricon`."""
    maker: str
    """The vendor's name for people."""
    pci: str
    """Its PCI vendor id."""
    argv: tuple[str, ...]
    """The command that lists devices."""
    parse: Callable[[str], Told]
    """Reads what the command prints; a `HostError` where it is something else."""
    devices: Key[Any]
    """The fact that holds the devices."""
    driver: Key[Any]
    """The fact that holds the driver's version."""
    sdk: Key[Any] | None = None
    """The fact that holds the toolkit's version."""
    kinds: tuple[str, ...] = ("03", "12", "0b40")
    """Beginnings of the PCI class codes of its accelerators; some makers' other chips are display controllers."""
    nodes: tuple[str, ...] = ()
    """Device nodes that say there is one, as in a container that shows no PCI bus."""
    folders: tuple[str, ...] = ()
    """Where the tool lies when it is not on PATH."""

    @property
    def provides(self) -> tuple[Key[Any], ...]:
        """The facts that its probe answers for."""
        return tuple(key for key in (self.devices, self.driver, self.sdk) if key is not None)


def probe(tool: Tool) -> Probe:
    """The probe of a vendor whose tool reports everything."""

    def read(host: Host) -> Reading:
        where, absent = detect_device(host, tool.pci, tool.kinds, tool.nodes, tool.maker)
        if absent is not None:
            for key in tool.provides:
                yield key, absent
            return
        try:
            told = ask(host, tool)
        except HostError as error:
            for key in tool.provides:
                yield key, Unknown(f"{error}; {where}")
            return
        yield tool.devices, Known(told.devices, tool.argv[0])
        yield tool.driver, version_fact(told.driver, tool.argv[0])
        if tool.sdk is not None:
            yield tool.sdk, version_fact(told.sdk, tool.argv[0])

    return Probe(tool.vendor, tool.provides, read)


def detect_device(
    host: Host, pci: str, kinds: tuple[str, ...], nodes: tuple[str, ...], maker: str
) -> tuple[str, Absent | Unknown | None]:
    """What says that there is a device; or, in its place, the fact that there is none or that it can't be determined.

    Args:
        host: the machine.
        pci: the PCI vendor id.
        kinds: beginnings of class codes.
        nodes: device nodes that say so too.
        maker: the vendor's name for people.
    """
    for path in nodes:
        if host.exists(path):
            return say("a device is there: {path}", path=path), None
    system = host.uname()[0]
    if system == "Darwin":
        return "", Absent(say("{maker} has no driver for macOS", maker=maker))
    try:
        devices, source = on_bus(host)
    except HostError as error:
        return "", Unknown(str(error))
    for device in devices:
        if device.vendor == pci and device.kind.startswith(kinds):
            template = "a device is there: {address} on the PCI bus, driven by {driver}"
            return say(template, address=device.address, driver=device.driver or say("no driver")), None
    return "", Absent(say("no {maker} device ({source})", maker=maker, source=source))


def ask(host: Host, tool: Tool) -> Told:
    """What the vendor's tool says.

    Raises:
        HostError: it is missing, failed, or named no device; with its own words.
    """
    return tool.parse(output(host, tool.argv, tool.folders))


def output(host: Host, argv: tuple[str, ...], folders: tuple[str, ...] = ()) -> str:
    """What a tool prints, where it says that it succeeded.

    Raises:
        HostError: it is missing or failed; with its own words.
    """
    path = next((f"{folder}/{argv[0]}" for folder in folders if host.exists(f"{folder}/{argv[0]}")), argv[0])
    done = host.run(path, *argv[1:], timeout=LIMIT)
    if done.status == 0:
        return done.output
    lines = [line.strip() for line in f"{done.errors}\n{done.output}".splitlines() if line.strip()]
    said = lines[0][:200] if lines else say("nothing")
    raise HostError(say("{tool}: {said} (status {status})", tool=argv[0], said=said, status=done.status))


def version_fact(text: str, source: str) -> Fact:
    """A version as a fact; unknown where the text is none."""
    try:
        return Known(Version(text), source)
    except ValueError:
        return Unknown(say("{source} does not say it", source=source))


def table(
    vendor: str,
    tool: str,
    *,
    first: str,
    second: str = "",
    driver: str = "",
    sdk: str = "",
) -> Callable[[str], Told]:
    """A reader of a table in which one line names a device and this or the next reports its memory.

    Args:
        vendor: the vendor's name in facts.
        tool: the command, for messages.
        first: matches the line that names a device; groups `index` and `name`, and perhaps those of `second`.
        second: matches the line with its memory in MiB; groups `total`, and perhaps `used`.
        driver: matches the line with the driver's version in group 1.
        sdk: matches the line with the toolkit's version in group 1.
    """
    names, memory = re.compile(first), re.compile(second) if second else None

    def parse(text: str) -> Told:
        devices: list[Device] = []
        for line in text.splitlines()[:MOST_LINES]:
            line = line[:400]  # noqa: PLW2901 - no pattern meets a longer one
            named = names.search(line)
            if named is not None:
                groups = named.groupdict()
                total, free = _memory(groups)
                devices.append(
                    Device(
                        vendor=vendor,
                        name=" ".join(groups["name"].split()),
                        index=int(groups["index"]),
                        memory=total,
                        memory_free=free,
                    )
                )
            elif devices and memory is not None and devices[-1].memory is None:
                found = memory.search(line)
                if found is not None:
                    total, free = _memory(found.groupdict())
                    last = devices[-1]
                    devices[-1] = Device(
                        vendor=vendor, name=last.name, index=last.index, memory=total, memory_free=free
                    )
        if not devices:
            said = next((line.strip() for line in text.splitlines() if line.strip()), "")
            raise HostError(say("{tool} names no device: {said}", tool=tool, said=said[:200] or say("nothing")))
        return Told(tuple(devices), find(driver, text), find(sdk, text))

    return parse


def find(pattern: str, text: str) -> str:
    """The group of a pattern that matched in a tool's header; empty where it is not there."""
    found = re.search(pattern, text[:20_000]) if pattern else None
    return found[found.lastindex or 0] if found else ""


def _memory(groups: dict[str, Any]) -> tuple[int | None, int | None]:
    if not groups.get("total"):
        return None, None
    total = int(groups["total"]) * MIB
    used = groups.get("used")
    return total, max(0, total - int(used) * MIB) if used else None
