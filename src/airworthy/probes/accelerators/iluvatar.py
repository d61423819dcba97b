"""Iluvatar CoreX devices and their driver, from ixsmi."""

from __future__ import annotations

from airworthy.core.keys import ILUVATAR_DEVICES, ILUVATAR_DRIVER, ILUVATAR_SDK
from airworthy.probes.accelerators.smi import Tool, probe, table

TOOL = Tool(
    vendor="iluvatar",
    maker="Iluvatar",
    pci="1e3e",
    argv=("ixsmi",),
    parse=table(
        "iluvatar",
        "ixsmi",
        first=r"^\| {1,4}(?P<index>\d{1,3}) +(?P<name>Iluvatar [\w -]{1,40}?) +\|",
        second=r"\| +(?P<used>\d{1,8})MiB / (?P<total>\d{1,8})MiB",
        driver=r"Driver Version: (\d[\d.]{1,30})",
        sdk=r"CUDA Version: (\d[\d.]{1,30})",
    ),
    devices=ILUVATAR_DEVICES,
    driver=ILUVATAR_DRIVER,
    sdk=ILUVATAR_SDK,
    nodes=("/dev/iluvatar0",),
    folders=("/usr/local/corex/bin",),
)
PROBE = probe(TOOL)
"""Iluvatar BI and MR."""
