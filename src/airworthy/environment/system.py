"""What no Python lock holds (`system.toml`): the C library, the accelerator's level and driver, native libraries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from airworthy.core.packages import Library
from airworthy.core.version import Version
from airworthy.environment.lockfile import PLATFORMS, LockedPackage, installed_there
from airworthy.knowledge import Knowledge

_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_OLD = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_MACOS = re.compile(r"macosx_(\d+)_(\d+)_(arm64|universal2)")


def system_of(
    packages: Iterable[LockedPackage], python: str, accelerator: str, libraries: Iterable[Library] = ()
) -> dict[str, Any]:
    """What a machine must have for a lock, as plain data.

    Args:
        packages: the lock.
        python: the version of Python that it is for.
        accelerator: its name in `--accelerator`; empty for none chosen.
        libraries: the native libraries of an environment that was made from it, where there is one.
    """
    packages = tuple(packages)
    found: dict[str, Any] = {"python": python, "platforms": {}}
    for platform in PLATFORMS:
        there = installed_there(packages, platform, python)
        if platform.system == "Linux":
            floors = {each.name: floor for each in there if (floor := _glibc(each, platform.machine))}
            row: dict[str, Any] = {"packages": len(there)}
            if floors:
                by = max(floors, key=lambda name: floors[name])
                row |= {"glibc": ".".join(map(str, floors[by])), "glibc-by": by}
            found["platforms"][platform.name] = row
        elif platform.system == "Darwin":
            needs = [(int(m[1]), int(m[2])) for each in there for w in each.wheels if (m := _MACOS.search(w.name))]
            found["platforms"][platform.name] = {"packages": len(there)}
            if needs:
                found["platforms"][platform.name]["macos"] = ".".join(map(str, max(needs)))
        else:
            found["platforms"][platform.name] = {"packages": len(there)}
    level = _level(packages, accelerator)
    if level:
        found["accelerator"] = level
    needed = [each for each in libraries if each.evidence == "elf" and each.provider in {"system", "driver", "missing"}]
    rows: dict[str, dict[str, Any]] = {}
    for each in needed:
        row = rows.setdefault(
            each.soname, {"soname": each.soname, "from": each.provider, "owner": each.owner, "by": []}
        )
        row["by"].append(each.by)
    if rows:
        found["library"] = [{**row, "by": sorted(set(row["by"]))} for _, row in sorted(rows.items())]
    return found


def _glibc(package: LockedPackage, machine: str) -> tuple[int, int] | None:
    """The oldest C library with which one of a package's wheels loads; None for a package without native code."""
    floors = []
    for wheel in package.wheels:
        if wheel.name.endswith("-any.whl"):
            return None
        for major, minor, where in _MANYLINUX.findall(wheel.name):
            if where.startswith(machine):
                floors.append((int(major), int(minor)))
        floors += [floor for tag, floor in _OLD.items() if f"{tag}_{machine}" in wheel.name]
    return min(floors, default=None)


def _level(packages: Iterable[LockedPackage], accelerator: str) -> dict[str, Any]:
    """The level of CUDA or ROCm, and the driver that it needs: from the build's tag, else from the packages of CUDA."""
    names = {each.name: each.version for each in packages}
    cuda = ""
    for each in (
        "nvidia-cuda-runtime",
        "nvidia-cuda-runtime-cu12",
        "nvidia-cuda-runtime-cu13",
        "nvidia-cuda-runtime-cu11",
    ):
        if each in names:
            cuda = ".".join(names[each].split(".")[:2])
    match = re.fullmatch(r"cuda(\d{2})(\d)", accelerator)
    if match:
        cuda = f"{match[1]}.{match[2]}"
    row: dict[str, Any] = {"name": accelerator} if accelerator else {}
    if cuda:
        row["cuda"] = cuda
        driver = Knowledge().minimum_driver(Version(cuda))
        windows = Knowledge().minimum_driver(Version(cuda), windows=True)
        if driver is not None:
            row["nvidia-driver"] = f">={driver}"
        if windows is not None:
            row["nvidia-driver-windows"] = f">={windows}"
    if accelerator == "ascend":
        row["cann"] = "as the release of torch-npu asks; see `airworthy explain ascend-version-mismatch`"
    return row
