"""The state of NVIDIA devices, from the management library or nvidia-smi, and their errors in the kernel's log."""

from __future__ import annotations

import re

import msgspec

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import NVIDIA_HEALTH, NVIDIA_XIDS
from airworthy.core.messages import say
from airworthy.core.values import DeviceHealth, Xid
from airworthy.probes.accelerators.nvidia import answer as smi_answer
from airworthy.probes.accelerators.nvidia import ask, sign_of_device
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.runner import one_line
from airworthy.probes.seam.host import Host, HostError, NvmlDevice

QUERY = (
    "index",
    "ecc.mode.current",
    "ecc.errors.uncorrected.volatile.total",
    "clocks_throttle_reasons.active",
    "mig.mode.current",
    "persistence_mode",
    "compute_mode",
)
REASONS = (
    (0x4, "sw-power-cap"),
    (0x8, "hw-slowdown"),
    (0x20, "sw-thermal"),
    (0x40, "hw-thermal"),
    (0x80, "hw-power-brake"),
)
"""The bits that say that something holds the clocks down; the others are idleness and settings."""
_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}
MOST_LINES = 5000
"""Lines of a list of devices that are read."""
MOST_XIDS = 20
"""Errors that are kept, the newest."""
_XID = re.compile(r"NVRM: Xid \(PCI:([0-9a-fA-F:.]{7,14})\): (\d{1,4})(?:, (.{0,200}))?")


def read(host: Host) -> Reading:
    """Read the state of each device, and the kernel's log about them."""
    where = sign_of_device(host)
    if not where:
        absent = Absent(say("no NVIDIA device on the PCI bus, in /dev or in /proc"))
        yield NVIDIA_HEALTH, absent
        yield NVIDIA_XIDS, absent
        return
    yield NVIDIA_XIDS, _xids(host)
    try:
        devices = ask(host).devices
        found = tuple(from_nvml(i, device) for i, device in enumerate(devices))
        yield NVIDIA_HEALTH, Known(_partitioned(host, found), "NVML")
    except HostError:
        text = smi_answer(host, "nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits")
        yield NVIDIA_HEALTH, Known(_partitioned(host, parse_health(text)), "nvidia-smi --query-gpu")


_GPU = re.compile(r"GPU (\d{1,4}): ")
_INSTANCE = re.compile(r"\s{1,8}MIG \S{1,40}\s{1,20}Device\s{1,4}\d{1,3}: \(UUID: MIG-")


def _partitioned(host: Host, found: tuple[DeviceHealth, ...]) -> tuple[DeviceHealth, ...]:
    """The devices with their MIG instances counted, which costs a call of the tool where there may be any."""
    if not any(each.mig == "enabled" for each in found):
        return found
    try:
        counted = parse_instances(smi_answer(host, "nvidia-smi", "-L"))
    except HostError:
        return found
    return tuple(
        msgspec.structs.replace(each, instances=counted.get(each.index)) if each.mig == "enabled" else each
        for each in found
    )


def parse_instances(text: str) -> dict[int, int]:
    """The MIG instances of each device, by its number, as `nvidia-smi -L` lists them."""
    counted: dict[int, int] = {}
    device = None
    for line in text.splitlines()[:MOST_LINES]:
        if (match := _GPU.match(line)) is not None:
            device = int(match[1])
            counted[device] = 0
        elif device is not None and _INSTANCE.match(line[:300]):
            counted[device] += 1
    return counted


def from_nvml(index: int, device: NvmlDevice) -> DeviceHealth:
    """The state of a device as the management library reports it."""
    return DeviceHealth(
        index=index,
        ecc=_switch(device.ecc),
        uncorrected=device.uncorrected,
        throttled=reasons(device.throttle or 0),
        mig=_switch(device.mig),
        persistence=_switch(device.persistence),
        compute_mode=_MODES.get(device.compute_mode, "") if device.compute_mode is not None else "",
    )


def reasons(bits: int) -> tuple[str, ...]:
    """What holds the clocks down, by name."""
    return tuple(name for bit, name in REASONS if bits & bit)


def _switch(value: int | None) -> str:
    return "" if value is None else "enabled" if value else "disabled"


def parse_health(text: str) -> tuple[DeviceHealth, ...]:
    """The lines of `nvidia-smi --query-gpu` for `QUERY`.

    Raises:
        HostError: it is something else.
    """
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(QUERY) or not re.fullmatch(r"\d{1,4}", cells[0]):
            raise HostError(say("nvidia-smi printed something else than was asked: {line!r}", line=line[:120]))
        index, ecc, errors, throttle, mig, persistence, mode = cells
        found.append(
            DeviceHealth(
                index=int(index),
                ecc=_word(ecc),
                uncorrected=int(errors) if re.fullmatch(r"\d{1,12}", errors) else None,
                throttled=reasons(int(throttle, 16)) if re.fullmatch(r"0x[0-9A-Fa-f]{1,16}", throttle) else (),
                mig=_word(mig),
                persistence=_word(persistence),
                compute_mode={"Exclusive_Process": "exclusive-process"}.get(mode, mode.lower().replace("_", "-"))
                if re.fullmatch(r"\w{1,30}", mode)
                else "",
            )
        )
    if not found:
        raise HostError(say("nvidia-smi printed nothing"))
    return tuple(found)


def _word(cell: str) -> str:
    return cell.lower() if cell in {"Enabled", "Disabled"} else ""


def _xids(host: Host) -> Known | Unknown:
    try:
        done = host.run("dmesg")
    except HostError as error:
        return Unknown(str(error))
    if done.status != 0:
        return Unknown(say("dmesg: {said}", said=one_line(done.errors or done.output, 160)))
    return Known(parse_xids(done.output), "dmesg")


def parse_xids(text: str) -> tuple[Xid, ...]:
    """The errors of NVIDIA devices in the kernel's log, the newest last."""
    found = [
        Xid(address=match[1].lower(), number=int(match[2]), text=(match[3] or "").strip())
        for line in text.splitlines()
        if "NVRM: Xid" in line and (match := _XID.search(line[:1000]))
    ]
    return tuple(found[-MOST_XIDS:])


PROBE = Probe("nvidia-health", (NVIDIA_HEALTH, NVIDIA_XIDS), read)
"""State and errors of NVIDIA devices."""
