"""What exhibits need of the machine, and the reason why it is not there."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

from zoo.workshop import PYTHON

PRIVILEGED_PORT = 81


@functools.cache
def missing(need: str) -> str:
    """Why a need is not met; empty where it is."""
    kind, _, name = need.partition(":")
    if kind == "module":
        return "" if _module(name) else f"{name} is not installed"
    if kind == "program":
        return "" if shutil.which(name) else f"there is no {name}"
    if kind == "file":
        return "" if Path(name).exists() else f"there is no {name}"
    return _SPECIAL[need]()


def _module(name: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
    return subprocess.run([PYTHON, "-c", code], capture_output=True, timeout=60, check=False).returncode == 0


def _linux() -> str:
    return "" if sys.platform == "linux" else f"it is made for Linux, this is {sys.platform}"


def _gcc() -> str:
    return _linux() or ("" if shutil.which("gcc") else "there is no gcc")


def _headers() -> str:
    code = "import sysconfig, os, sys; sys.exit(not os.path.exists(sysconfig.get_path('include') + '/Python.h'))"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, timeout=60, check=False).returncode == 0
    return _gcc() or ("" if found else "Python's headers are not installed")


def _mount() -> str:
    if _linux() or not shutil.which("unshare"):
        return "there is no unshare"
    command = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if tried.returncode == 0 else f"this user may not mount: {tried.stderr.strip()[:200]}"


def _privileged_ports() -> str:
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not first.exists() or int(first.read_text()) <= PRIVILEGED_PORT:
        return f"anybody may bind to port {PRIVILEGED_PORT} here"
    return ""


_SPECIAL = {
    "linux": _linux,
    "gcc": _gcc,
    "headers": _headers,
    "mount": _mount,
    "privileged-ports": _privileged_ports,
}
