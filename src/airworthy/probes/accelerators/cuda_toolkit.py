"""The CUDA toolkit that extensions are compiled with, found as PyTorch's extension builder finds it."""

from __future__ import annotations

import re

from airworthy.core.facts import Absent, Known
from airworthy.core.keys import CUDA_TOOLKIT
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

DEFAULT_HOME = "/usr/local/cuda"
_HEADERS = ("include/cuda.h", "targets/x86_64-linux/include/cuda.h", "targets/sbsa-linux/include/cuda.h")
_HEADER_LIMIT = 64 * 1024
_DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+CUDA_VERSION[ \t]+(\d{4,6})\b", re.MULTILINE)


def read(host: Host) -> Reading:
    """Read the version that the toolkit's header defines: a compiler without it compiles no extension."""
    home = (host.env("CUDA_HOME") or host.env("CUDA_PATH") or DEFAULT_HOME).rstrip("/\\")
    for name in _HEADERS:
        path = f"{home}/{name}"
        try:
            text = host.read(path, _HEADER_LIMIT).decode("utf-8", "replace")
        except HostError:
            continue
        version = parse_header(text)
        if version is not None:
            yield CUDA_TOOLKIT, Known(version, path)
            return
    yield CUDA_TOOLKIT, Absent(say("no toolkit with headers at {home}", home=home))


def parse_header(text: str) -> Version | None:
    """The version in `cuda.h`, which writes 12.4 as 12040; None where it defines none."""
    match = _DEFINED.search(text)
    if match is None:
        return None
    number = int(match[1])
    return Version(f"{number // 1000}.{number % 1000 // 10}")


PROBE = Probe("cuda-toolkit", (CUDA_TOOLKIT,), read)
"""Version of the CUDA toolkit."""
