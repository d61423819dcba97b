"""Moore Threads GPUs and their driver, from mthreads-gmi."""

from __future__ import annotations

from airworthy.core.keys import MTHREADS_DEVICES, MTHREADS_DRIVER, MTHREADS_SDK
from airworthy.probes.accelerators.smi import Tool, probe, table

TOOL = Tool(
    vendor="mthreads",
    maker="Moore Threads",
    pci="1ed5",
    argv=("mthreads-gmi",),
    parse=table(
        "mthreads",
        "mthreads-gmi",
        first=r"^(?P<index>\d{1,3}) {2,}(?P<name>MTT [\w -]{1,30}?) *\|"
        r".*\|\S* +(?P<used>\d{1,8})MiB\((?P<total>\d{1,8})MiB\)",
        driver=r"Driver Version: ?(\d[\d.]{1,30})",
    ),
    devices=MTHREADS_DEVICES,
    driver=MTHREADS_DRIVER,
    sdk=MTHREADS_SDK,
    nodes=("/dev/mtgpu.0", "/dev/mtgpu0"),
)
PROBE = probe(TOOL)
"""Moore Threads MTT."""
