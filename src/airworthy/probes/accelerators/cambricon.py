"""Cambricon MLU devices and their driver, from cnmon."""

from __future__ import annotations

from airworthy.core.keys import CAMBRICON_DEVICES, CAMBRICON_DRIVER, CAMBRICON_SDK
from airworthy.probes.accelerators.smi import Tool, probe, table

TOOL = Tool(
    vendor="cambricon",
    maker="Cambricon",
    pci="cabc",
    argv=("cnmon",),
    parse=table(
        "cambricon",
        "cnmon",
        # CNMON 1 writes the driver into each device's line, later ones into the header.
        first=r"^\| {1,4}(?P<index>\d{1,3}) +\S+ +(?P<name>MLU[\w-]{1,30}) +v",
        second=r"\| +(?P<used>\d{1,8}) MiB/ *(?P<total>\d{1,8}) MiB",
        driver=r"\bDriver v(\d[\d.]{1,30})|\| On +v(\d[\d.]{1,30})",
    ),
    devices=CAMBRICON_DEVICES,
    driver=CAMBRICON_DRIVER,
    sdk=CAMBRICON_SDK,
    nodes=("/dev/cambricon_ctl", "/dev/cambricon_dev0"),
)
PROBE = probe(TOOL)
"""Cambricon MLU."""
