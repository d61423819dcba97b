"""Huawei Ascend devices, driver, CANN and NNAL: from npu-smi and the files of the installed packages."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import ASCEND_CANN, ASCEND_DEVICES, ASCEND_DRIVER, ASCEND_NNAL, ASCEND_NNAL_ABI
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.probes.accelerators.smi import MIB, MOST_LINES, Told, detect_device, find, output, version_fact
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

ROOT = "/usr/local/Ascend"
NODES = ("/dev/davinci_manager", "/dev/davinci0")
DRIVER_INFO = f"{ROOT}/driver/version.info"
_CARD = re.compile(r"^\| {0,4}(?P<index>\d{1,3}) +(?P<name>\w[\w-]{1,30}) +\| [A-Z]")
_CHIP = re.compile(r"^\| {0,4}(?P<chip>\d{1,3})(?: +\d{1,4})? +\| [0-9A-Fa-fxX]{4}:")
_SIZES = re.compile(r"(\d{1,8}) */ *(\d{1,8})")


def read(host: Host) -> Reading:
    """Read devices, driver, CANN and NNAL."""
    yield ASCEND_CANN, _cann(host)
    yield ASCEND_NNAL, _nnal(host)
    yield ASCEND_NNAL_ABI, _nnal_abi(host)
    # Huawei's management controller is a display device of the same vendor: only accelerators count.
    where, absent = detect_device(host, "19e5", ("12",), NODES, "Ascend")
    if absent is not None:
        yield ASCEND_DEVICES, absent
        yield ASCEND_DRIVER, absent
        return
    try:
        told = parse_info(output(host, ("npu-smi", "info"), ("/usr/local/sbin", f"{ROOT}/driver/tools")))
        yield ASCEND_DEVICES, Known(told.devices, "npu-smi info")
        driver = version_fact(told.driver, "npu-smi info")
    except HostError as error:
        reason = f"{error}; {where}"
        yield ASCEND_DEVICES, Unknown(reason)
        driver = Unknown(reason)
    try:
        text = host.read(DRIVER_INFO, 4096).decode("utf-8", "replace")
        found = find(r"(?m)^Version=(\S{1,40})", text)
        yield ASCEND_DRIVER, Known(Version(found), DRIVER_INFO) if found else driver
    except (HostError, ValueError):
        yield ASCEND_DRIVER, driver


def parse_info(text: str) -> Told:
    """The table of `npu-smi info`: two lines a chip, cards with several chips name themselves once a chip.

    Raises:
        HostError: it is something else, or names no device.
    """
    devices: list[Device] = []
    name = ""
    for line in text.splitlines()[:MOST_LINES]:
        line = line[:400]  # noqa: PLW2901 - no pattern meets a longer one
        if "Process id" in line:
            break
        card = _CARD.match(line)
        if card is not None:
            name = card["name"]
        elif name and _CHIP.match(line):
            sizes = _SIZES.findall(line)
            used, total = sizes[-1] if sizes else ("0", "0")
            if int(total) == 0 and len(sizes) > 1:
                used, total = sizes[0]
            memory = int(total) * MIB or None
            devices.append(
                Device(
                    vendor="ascend",
                    name=f"Ascend {name.removeprefix('Ascend')}".strip(),
                    index=len(devices),
                    memory=memory,
                    memory_free=max(0, memory - int(used) * MIB) if memory else None,
                )
            )
            name = ""
    if not devices:
        said = next((line.strip() for line in text.splitlines() if line.strip()), "")
        raise HostError(say("npu-smi names no device: {said}", said=said[:200] or say("nothing")))
    return Told(tuple(devices), find(r"Version: *(\d[\w.]{1,30})", text))


def _cann(host: Host) -> Known | Absent | Unknown:
    machine = host.uname()[2]
    roots = [root for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME") if (root := host.env(name))]
    roots += [f"{ROOT}/cann", f"{ROOT}/ascend-toolkit/latest", f"{ROOT}/nnrt/latest"]
    for root in dict.fromkeys(roots):
        for name in ("ascend_toolkit_install.info", "ascend_nnrt_install.info"):
            path = f"{root}/{machine}-linux/{name}"
            if host.exists(path):
                return _version(host, path, r"(?m)^version=(\S{1,40})")
    return Absent(say("no CANN in {roots}", roots=tuple(roots)))


def _nnal(host: Host) -> Known | Absent | Unknown:
    path = f"{ROOT}/nnal/atb/latest/version.info"
    if not host.exists(path):
        return Absent(say("no {path}", path=path))
    return _version(host, path, r"(?im)^\s*Ascend-cann-atb(?: Version)?\s*: *(\d\S{1,40})")


def _nnal_abi(host: Host) -> Known | Absent:
    home = host.env("ATB_HOME_PATH") or ""
    match = re.search(r"cxx_abi_([01])/?$", home)
    if match is None:
        return Absent(say("ATB_HOME_PATH names no ABI"))
    return Known(int(match[1]), "ATB_HOME_PATH")


def _version(host: Host, path: str, pattern: str) -> Known | Unknown:
    try:
        found = find(pattern, host.read(path, 16384).decode("utf-8", "replace"))
        return Known(Version(found), path) if found else Unknown(say("{path} gives no version", path=path))
    except (HostError, ValueError) as error:
        return Unknown(str(error))


PROBE = Probe("ascend", (ASCEND_DEVICES, ASCEND_DRIVER, ASCEND_CANN, ASCEND_NNAL, ASCEND_NNAL_ABI), read)
"""Huawei Ascend, CANN and NNAL."""
