"""Sophgo TPUs and their driver, from bm-smi."""

from __future__ import annotations

from airworthy.core.keys import SOPHGO_DEVICES, SOPHGO_DRIVER, SOPHGO_SDK
from airworthy.probes.accelerators.smi import Tool, probe, table

TOOL = Tool(
    vendor="sophgo",
    maker="Sophgo",
    pci="1f1c",
    # Without a file or a terminal it draws a screen that never ends.
    argv=("bm-smi", "--start_dev=0", "--last_dev=0", "--file=/dev/stdout", "--lms=500", "--loop=false"),
    parse=table(
        "sophgo",
        "bm-smi",
        first=r"^\| ?(?P<index>\d{1,3}) +(?P<name>(?:SC\d|SM\d|1684|1686|1688|BM\d)[\w-]{0,30})",
        second=r"(?P<used>\d{1,8})MB/ ?(?P<total>\d{1,8})MB",
        driver=r"Driver Version: +(\d[\d.]{1,30})",
        sdk=r"SDK Version: +(\d[\d.]{1,30})",
    ),
    devices=SOPHGO_DEVICES,
    driver=SOPHGO_DRIVER,
    sdk=SOPHGO_SDK,
    nodes=("/dev/bm-sophon0", "/dev/bmdev-ctl"),
    folders=("/opt/sophon/libsophon-current/bin",),
)
PROBE = probe(TOOL)
"""Sophgo BM and SC series."""
