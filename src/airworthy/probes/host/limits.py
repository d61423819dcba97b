"""The kernel's limits on this process: open files, processes, locked memory."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import LIMIT_FILES, LIMIT_FILES_HARD, LIMIT_LOCKED, LIMIT_PROCESSES, Key
from airworthy.core.messages import say
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

LIMITS = "/proc/self/limits"
UNLIMITED = "unlimited"

_ROWS: tuple[tuple[Key[int], str, int], ...] = (
    (LIMIT_FILES, "Max open files", 0),
    (LIMIT_FILES_HARD, "Max open files", 1),
    (LIMIT_PROCESSES, "Max processes", 0),
    (LIMIT_LOCKED, "Max locked memory", 0),
)
"""Each fact, the row's name, and the column: 0 for the soft limit, 1 for the hard one."""


def read(host: Host) -> Reading:
    """Read the limits; absent where there is none."""
    system = host.uname()[0]
    if system == "Windows":
        for key in PROBE.provides:
            yield key, Absent(say("Windows has no such limit"))
        return
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    limits = parse_limits(host.read(LIMITS, 65536).decode("ascii", "replace"))
    for key, name, column in _ROWS:
        text = limits.get(name, ("", ""))[column]
        if text == UNLIMITED:
            yield key, Absent(say("{path}: {name} is unlimited", path=LIMITS, name=name))
        elif text:
            yield key, Known(int(text), LIMITS)
        else:
            yield key, Unknown(say("{path} does not say {name}", path=LIMITS, name=name))


def parse_limits(text: str) -> dict[str, tuple[str, str]]:
    """Soft and hard limit by name, each a number in text or `unlimited`."""
    rows = re.findall(r"(?m)^(Max [a-z ]{1,40}?) {2,}(\d{1,20}|unlimited) +(\d{1,20}|unlimited)\b", text)
    return {name: (soft, hard) for name, soft, hard in rows}


PROBE = Probe("limits", (LIMIT_FILES, LIMIT_FILES_HARD, LIMIT_PROCESSES, LIMIT_LOCKED), read)
"""Limits on open files, processes and locked memory."""
