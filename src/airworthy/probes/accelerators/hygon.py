"""Hygon DCUs, their driver and DTK, from hy-smi's JSON."""

from __future__ import annotations

from airworthy.core.facts import Known, Unknown
from airworthy.core.keys import HYGON_DEVICES, HYGON_DRIVER, HYGON_SDK
from airworthy.probes.accelerators.rocm_json import parse_cards
from airworthy.probes.accelerators.smi import detect_device, find, output, version_fact
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

FOLDERS = ("/opt/hyhal/bin", "/opt/dtk/bin")
MODULES = ("/sys/module/hydcu/version", "/sys/module/hycu/version")
DTK = "/opt/dtk/.info/version"


def read(host: Host) -> Reading:
    """Read devices, driver and DTK."""
    where, absent = detect_device(host, "1d94", ("03", "12", "0b40"), ("/dev/hydcu", "/dev/mkfd"), "Hygon DCU")
    if absent is not None:
        for key in PROBE.provides:
            yield key, absent
        return
    try:
        cards = output(host, ("hy-smi", "--showproductname", "--showmeminfo", "vram", "--json"), FOLDERS)
        yield HYGON_DEVICES, Known(parse_cards(cards, "hygon", "hy-smi"), "hy-smi")
    except HostError as error:
        yield HYGON_DEVICES, Unknown(f"{error}; {where}")
    yield HYGON_DRIVER, _driver(host, where)
    try:
        yield HYGON_SDK, version_fact(host.read(DTK, 256).decode("ascii", "replace"), DTK)
    except HostError as error:
        yield HYGON_SDK, Unknown(str(error))


def _driver(host: Host, where: str) -> Known | Unknown:
    for path in MODULES:
        if host.exists(path):
            fact = version_fact(host.read(path, 256).decode("ascii", "replace").strip(), path)
            if isinstance(fact, Known):
                return fact
    try:
        text = output(host, ("hy-smi", "--showdriverversion"), FOLDERS)
    except HostError as error:
        return Unknown(f"{error}; {where}")
    fact = version_fact(find(r"Driver Version: *(\d[\w.-]{1,30})", text), "hy-smi")
    return fact if isinstance(fact, Known) else Unknown(f"{fact.reason if isinstance(fact, Unknown) else ''}; {where}")


PROBE = Probe("hygon", (HYGON_DEVICES, HYGON_DRIVER, HYGON_SDK), read)
"""Hygon DCU."""
