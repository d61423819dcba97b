"""The GPU of an Apple chip, which shares the machine's memory: from sysctl."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import APPLE_DEVICES
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

COMMAND = ("sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize")


def read(host: Host) -> Reading:
    """Read the chip."""
    system, _, machine = host.uname()
    if system != "Darwin":
        yield APPLE_DEVICES, Absent(say("not a Mac"))
        return
    if machine != "arm64":
        yield APPLE_DEVICES, Absent(say("a Mac with an Intel processor"))
        return
    done = host.run(*COMMAND)
    device = parse_sysctl(done.output)
    if device is None:
        raise HostError(say("sysctl names no Apple chip: {said}", said=(done.errors or done.output).strip()[:120]))
    yield APPLE_DEVICES, Known((device,), "sysctl") if device.memory else Unknown(say("sysctl gives no memory size"))


def parse_sysctl(text: str) -> Device | None:
    """The chip in `sysctl -n machdep.cpu.brand_string hw.memsize`; None where it names none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    name = next((line for line in lines if re.fullmatch(r"Apple M\d{1,2}[\w ]{0,20}", line)), None)
    if name is None:
        return None
    size = next((int(line) for line in lines if re.fullmatch(r"\d{6,18}", line)), None)
    return Device(vendor="apple", name=name, memory=size)


PROBE = Probe("apple", (APPLE_DEVICES,), read)
"""Apple M series."""
