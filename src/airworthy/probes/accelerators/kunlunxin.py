"""Kunlunxin XPUs and their driver, from their xpu-smi; Intel's tool has the same name."""

from __future__ import annotations

from airworthy.core.keys import KUNLUNXIN_DEVICES, KUNLUNXIN_DRIVER, KUNLUNXIN_SDK
from airworthy.probes.accelerators.smi import Tool, probe, table

TOOL = Tool(
    vendor="kunlunxin",
    maker="Kunlunxin",
    pci="1d22",
    argv=("xpu-smi",),
    parse=table(
        "kunlunxin",
        "xpu-smi",
        first=r"^\| {1,4}(?P<index>\d{1,3})  (?P<name>\w[\w -]{1,30}?) +(?:N/A|On|Off) +\| [0-9A-Fa-f]{8}:",
        second=r"\| +(?P<used>\d{1,8})MiB / +(?P<total>\d{1,8})MiB \| +\d{1,3}%",
        driver=r"Driver Version: (\d[\d.]{1,30})",
        sdk=r"XPU-RT Version: (\d[\d.]{1,30})",
    ),
    devices=KUNLUNXIN_DEVICES,
    driver=KUNLUNXIN_DRIVER,
    sdk=KUNLUNXIN_SDK,
    kinds=("12", "0b40"),
    nodes=("/dev/xpuctrl", "/dev/xpu0"),
)
PROBE = probe(TOOL)
"""Kunlunxin R and P series."""
