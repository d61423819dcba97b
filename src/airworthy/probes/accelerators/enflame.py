"""Enflame GCUs and their driver, from efsmi."""

from __future__ import annotations

from airworthy.core.keys import ENFLAME_DEVICES, ENFLAME_DRIVER, ENFLAME_SDK
from airworthy.probes.accelerators.smi import Tool, probe, table

TOOL = Tool(
    vendor="enflame",
    maker="Enflame",
    pci="1e36",
    argv=("efsmi",),
    parse=table(
        "enflame",
        "efsmi",
        first=r"^\| {1,4}(?P<index>\d{1,3}) {2,}(?P<name>(?:Enflame )?[A-Z]\d[\w-]{0,20}) +\| [\w.]+ +\| [0-9a-f]{2}:",
        second=r"\| *(?P<total>\d{1,8})MiB ",
        driver=r"Driver Ver: (\d[\d.]{1,30})",
    ),
    devices=ENFLAME_DEVICES,
    driver=ENFLAME_DRIVER,
    sdk=ENFLAME_SDK,
    nodes=("/dev/gcu0", "/dev/gcuctl"),
)
PROBE = probe(TOOL)
"""Enflame T, I, S and L series."""
