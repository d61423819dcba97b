"""MetaX GPUs, their driver and MACA, from mx-smi."""

from __future__ import annotations

from airworthy.core.keys import METAX_DEVICES, METAX_DRIVER, METAX_SDK
from airworthy.probes.accelerators.smi import Tool, probe, table

TOOL = Tool(
    vendor="metax",
    maker="MetaX",
    pci="9999",
    argv=("mx-smi",),
    parse=table(
        "metax",
        "mx-smi",
        first=r"^\| {1,4}(?P<index>\d{1,3}) +(?P<name>(?:MetaX |MX)[\w-]{1,30}) +(?:O(?:n|ff) +)?\| [0-9a-f]{4}:",
        second=r"\| +(?P<used>\d{1,8})/(?P<total>\d{1,8}) MiB",
        driver=r"Kernel Mode Driver Version: (\d[\d.]{1,30})",
        sdk=r"MACA Version: (\d[\d.]{1,30})",
    ),
    devices=METAX_DEVICES,
    driver=METAX_DRIVER,
    sdk=METAX_SDK,
    nodes=("/dev/mxcd",),
    folders=("/opt/mxdriver/bin", "/opt/maca/bin"),
)
PROBE = probe(TOOL)
"""MetaX C and N series."""
