"""The native libraries of installed packages: what they bring by their own lists, what they ask for by their headers.

Lists first (CycloneDX files in `.dist-info/sboms/`, https://peps.python.org/pep-0770/): they name the library and its
version as the builder knew it. Headers second: they say what the loader will ask for, and where it finds it.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any

from airworthy.core.packages import InstalledPackage, Library
from airworthy.knowledge import libraries
from airworthy.probes.linker.linking import Linked, linked
from airworthy.probes.seam.host import Host, HostError

SBOM_LIMIT = 8 * 1024 * 1024
"""Bytes of a list that are read."""
MOST_COMPONENTS = 5000
"""Components of one list that are kept."""
DRIVERS = {
    "libcuda.so.1": "nvidia-driver",
    "libnvidia-ml.so.1": "nvidia-driver",
    "libamdhip64.so": "rocm",
    "libamdhip64.so.6": "rocm",
    "libhsa-runtime64.so.1": "rocm",
    "libascendcl.so": "cann",
    "libascend_hal.so": "npu-driver",
    "libze_loader.so.1": "level-zero",
}
"""Libraries of a driver or a vendor's toolkit, with the name of what brings them."""
_PATHS_AT_ONCE = 200


def read_libraries(host: Host, packages: tuple[InstalledPackage, ...]) -> tuple[Library, ...]:
    """All native libraries, each package's own list first.

    Raises:
        HostError: the loader's paths could not be read.
    """
    found = [library for package in packages for library in bundled(host, package)]
    if host.uname()[0] != "Linux":
        return tuple(found)
    located = linked(host)
    needs: dict[tuple[str, str], tuple[str, Linked]] = {}
    own: dict[str, set[str]] = {}
    for each in located.linked:
        own.setdefault(each.object.distribution, set()).add(posixpath.basename(each.object.file.path))
        for link in each.links:
            path = link.found.path if link.found else ""
            if not path and link.preloaded:
                brought = located.brought.get(link.soname)
                path = brought.file.path if brought else "."
            key = (each.object.distribution, link.soname)
            if key not in needs or (not path and needs[key][0]):
                needs[key] = (path, each)
    by_path = {host.resolve(each.object.file.path): each.object.distribution for each in located.linked}
    outside = {path for (by, soname), (path, _) in needs.items() if path.startswith("/") and soname not in own[by]}
    real = {path: host.resolve(path) for path in outside}
    owners = _owners(host, sorted({each for each in real.values() if each not in by_path}))
    for (by, soname), (path, _) in needs.items():
        if soname in own[by]:
            continue  # its own bundled file
        owner = by_path.get(real.get(path, ""), "")
        held = located.brought.get(soname)
        if path == ".":
            provider = "package"  # the interpreter's own, or loaded by a package before
        elif not path and held is not None:
            there = held.file.path
            found.append(
                Library(by=by, soname=soname, provider="package", owner=held.distribution, path=there, found=False)
            )
            continue
        elif not path:
            provider, owner = "missing", DRIVERS.get(soname, "")
        elif owner:
            provider = "package"
        else:
            provider = "driver" if soname in DRIVERS else "system"
            row = libraries.system_library(soname)
            owner = owners.get(real[path], "") or DRIVERS.get(soname, "") or (row.debian if row else "")
        found.append(Library(by=by, soname=soname, provider=provider, owner=owner, path=path.lstrip(".")))
    return tuple(found)


def bundled(host: Host, package: InstalledPackage) -> Iterator[Library]:
    """What a package's own lists name."""
    folder = f"{package.info}/sboms"
    try:
        names = host.list(folder)
    except HostError:
        return
    for name in names:
        if not name.endswith(".json"):
            continue
        try:
            document: Any = json.loads(host.read(f"{folder}/{name}", SBOM_LIMIT))
            components = document.get("components") or []
            for each in components[:MOST_COMPONENTS]:
                if isinstance(each, dict) and isinstance(each.get("name"), str):
                    purl = each.get("purl")
                    yield Library(
                        by=package.name,
                        soname=each["name"],
                        provider="package",
                        owner=package.name,
                        path=f"{folder}/{name}",
                        evidence="sbom",
                        component=purl if isinstance(purl, str) else "",
                    )
        except (HostError, ValueError, AttributeError, TypeError, RecursionError):
            continue  # a list that can't be read names nothing; the headers still do


def _owners(host: Host, paths: list[str]) -> dict[str, str]:
    """The system's packages that bring files, where dpkg knows; other systems give none."""
    owners: dict[str, str] = {}
    asked = [variant for path in paths for variant in (path, path.removeprefix("/usr"))]
    for start in range(0, len(asked), _PATHS_AT_ONCE):
        try:
            done = host.run("dpkg", "-S", *asked[start : start + _PATHS_AT_ONCE])
        except HostError:
            return owners
        for line in done.output.splitlines():
            names, _, path = line.rpartition(": ")
            for variant in (path, f"/usr{path}"):
                owners.setdefault(variant, names.partition(",")[0].partition(":")[0])
    return {path: owners[path] for path in paths if path in owners}
