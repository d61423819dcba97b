"""NVIDIA devices and their driver: from the management library, else from nvidia-smi, else from /proc."""

from __future__ import annotations

import re
from typing import NamedTuple

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import NVIDIA_CUDA, NVIDIA_DEVICES, NVIDIA_DRIVER
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.probes.accelerators.pci import on_bus
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError, Nvml
from airworthy.probes.seam.sharing import shared

VENDOR = "10de"
PROC = "/proc/driver/nvidia/version"
NODES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")
"""Device nodes that say there is one; the last is Windows' under WSL 2, where no PCI bus shows it."""
MIB = 1024 * 1024
SMI_LIMIT = 8.0
"""Seconds for nvidia-smi: without the persistence daemon it wakes every device first."""
QUERY = ("index", "name", "memory.total", "memory.free", "uuid", "driver_version", "compute_cap")
"""The fields of nvidia-smi that are read; one before 510 does not know the last."""

_REFUSALS = (
    "couldn't communicate with the NVIDIA driver",
    "Failed to initialize NVML",
    "Driver/library version mismatch",
    "No devices were found",
    "Insufficient Permissions",
    "Unable to determine the device handle",
    "is not a valid field to query",
)


class SmiRow(NamedTuple):
    """A line of `nvidia-smi --query-gpu`."""

    device: Device
    """The device."""
    driver: str
    """Version of the kernel driver."""


def read(host: Host) -> Reading:
    """Read devices, driver and CUDA version; absent where nothing says that there is a device."""
    where = sign_of_device(host)
    if not where:
        absent = Absent(say("no NVIDIA device on the PCI bus, in /dev or in /proc"))
        for key in PROBE.provides:
            yield key, absent
        return
    try:
        answer = ask(host)
    except HostError as error:
        reasons = [str(error)]
    else:
        yield from _from_nvml(answer)
        return
    yield from _from_smi(host, reasons, where)


def ask(host: Host) -> Nvml:
    """What the management library says, asked once a gathering.

    Raises:
        HostError: it is not there, or it failed.
    """
    return shared(host, _ask)


def _ask(host: Host) -> Nvml:
    return host.nvml()


def sign_of_device(host: Host) -> str:
    """What says that there is an NVIDIA device, or that it cannot be determined; empty where there is none."""
    for path in (PROC, *NODES):
        if host.exists(path):
            return say("a device is there: {path}", path=path)
    try:
        devices, _ = on_bus(host)
    except HostError as error:
        return say("whether there is a device cannot be determined: {reason}", reason=error)
    for device in devices:
        if device.vendor == VENDOR:
            template = "a device is there: {address} on the PCI bus, driven by {driver}"
            return say(template, address=device.address, driver=device.driver or say("no driver"))
    return ""


def _from_nvml(answer: Nvml) -> Reading:
    source = "NVML"
    yield NVIDIA_DRIVER, _version(answer.driver, source)
    if answer.cuda > 0:
        yield NVIDIA_CUDA, Known(Version(f"{answer.cuda // 1000}.{answer.cuda % 1000 // 10}"), source)
    else:
        yield NVIDIA_CUDA, Unknown(say("NVML does not say the CUDA version"))
    if answer.problem:
        yield NVIDIA_DEVICES, Unknown(say("NVML: {problem}", problem=answer.problem))
        return
    devices = tuple(
        Device(
            vendor="nvidia",
            name=device.name,
            index=index,
            memory=device.memory,
            memory_free=device.memory_free,
            architecture=architecture(device.capability),
            uuid=device.uuid,
        )
        for index, device in enumerate(answer.devices)
    )
    yield NVIDIA_DEVICES, Known(devices, source)


def _version(text: str, source: str) -> Known | Unknown:
    try:
        return Known(Version(text), source)
    except ValueError as error:
        return Unknown(f"{source}: {error}")


def _from_smi(host: Host, reasons: list[str], where: str) -> Reading:
    driver: Known | Unknown | None = None
    try:
        source = "nvidia-smi --query-gpu"
        rows = _query(host)
    except HostError as error:
        reasons.append(str(error))
        yield NVIDIA_DEVICES, Unknown(_joined(reasons, where))
        yield NVIDIA_CUDA, Unknown(_joined(reasons, where))
    else:
        yield NVIDIA_DEVICES, Known(tuple(row.device for row in rows), source)
        driver = _version(rows[0].driver, source)
        try:
            yield NVIDIA_CUDA, Known(cuda_of_header(answer(host, "nvidia-smi")), "nvidia-smi")
        except HostError as error:
            yield NVIDIA_CUDA, Unknown(str(error))
    if not isinstance(driver, Known):
        driver = _from_proc(host) or Unknown(_joined(reasons, where))
    yield NVIDIA_DRIVER, driver


def _joined(reasons: list[str], where: str) -> str:
    # The library and the tool fail with the same words where the driver is at fault; they are reported once.
    return "; ".join([*dict.fromkeys(reasons), where])


def answer(host: Host, *argv: str) -> str:
    """What nvidia-smi prints, where it says that it succeeded.

    Raises:
        HostError: with its own words.
    """
    done = host.run(*argv, timeout=SMI_LIMIT)
    text = f"{done.output}\n{done.errors}"
    if done.status == 0 and not any(refusal in text for refusal in _REFUSALS):
        return done.output
    said = next((line.strip() for line in text.splitlines() if line.strip()), "")
    raise HostError(say("nvidia-smi: {said} (status {status})", said=said[:200] or say("nothing"), status=done.status))


def _query(host: Host) -> tuple[SmiRow, ...]:
    try:
        fields: tuple[str, ...] = QUERY
        text = answer(host, "nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    except HostError as error:
        if "compute_cap" not in str(error):
            raise
        fields = QUERY[:-1]
        text = answer(host, "nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    return parse_query(text, len(fields))


def parse_query(text: str, fields: int = len(QUERY)) -> tuple[SmiRow, ...]:
    """The lines of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`.

    Raises:
        HostError: it is something else.
    """
    rows = []
    for line in filter(None, map(str.strip, text.splitlines())):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != fields or not re.fullmatch(r"\d{1,4}", cells[0]) or not re.match(r"\d+\.", cells[5]):
            raise HostError(say("nvidia-smi printed something else than was asked: {line!r}", line=line[:120]))
        index, name, total, free, uuid, driver, *capability = cells
        device = Device(
            vendor="nvidia",
            name=name,
            index=int(index),
            memory=_mebibytes(total),
            memory_free=_mebibytes(free),
            architecture=architecture(capability[0]) if capability else "",
            uuid=uuid if uuid.startswith("GPU-") else "",
        )
        rows.append(SmiRow(device, driver))
    if not rows:
        raise HostError(say("nvidia-smi printed nothing"))
    return tuple(rows)


def _mebibytes(cell: str) -> int | None:
    """A size; None for `[N/A]`, which devices that share the machine's memory give."""
    match = re.fullmatch(r"(\d{1,12})(?: MiB)?", cell)
    return int(match[1]) * MIB if match else None


def architecture(capability: str) -> str:
    """A compute capability, `9.0`, as the name of an architecture, `sm_90`; empty where it is not one."""
    match = re.fullmatch(r"(\d{1,2})\.(\d)", capability)
    return f"sm_{match[1]}{match[2]}" if match else ""


def cuda_of_header(text: str) -> Version:
    """The CUDA version in the header of a bare `nvidia-smi`.

    Raises:
        HostError: there is none; it says `N/A` or `ERR!` where libcuda cannot be loaded.
    """
    match = re.search(r"CUDA Version:\s{0,8}(\d{1,3}\.\d{1,3})", text)
    if match is None:
        raise HostError(say("the header of nvidia-smi gives no CUDA version"))
    return Version(match[1])


def _from_proc(host: Host) -> Known | None:
    try:
        version = parse_proc_version(host.read(PROC, 4096).decode("utf-8", "replace"))
    except HostError:
        return None
    return Known(Version(version), PROC) if version else None


def parse_proc_version(text: str) -> str:
    """The kernel module's version in /proc/driver/nvidia/version; empty where it gives none."""
    match = re.search(r"(?m)^NVRM version:.{0,120}?\s(\d{3}\.\d{1,3}(?:\.\d{1,3})?)\s", text)
    return match[1] if match else ""


PROBE = Probe("nvidia", (NVIDIA_DRIVER, NVIDIA_CUDA, NVIDIA_DEVICES), read)
"""NVIDIA driver, the CUDA it speaks, and the devices."""
