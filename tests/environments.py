"""Environments of nothing but metadata, written into a folder: what installers leave, without the packages."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airworthy.core.packages import InstalledPackage, InstalledSet


def package(name: str, version: str = "1.0", *requires: str, **more: Any) -> InstalledPackage:
    """A package with its requirements."""
    return InstalledPackage(name=name, version=version, requires=requires, **more)


def installed(*packages: InstalledPackage, python: str = "3.11.9") -> InstalledSet:
    """An environment in memory."""
    return InstalledSet(packages, (), (), ("/site",), python, "/env/bin/python", "/env", "Linux", "6.1", "x86_64")


def write(site: Path, each: InstalledPackage, files: Mapping[str, bytes] | None = None) -> Path:
    """Write a package's description, and its files with their record; its `.dist-info`."""
    info = site / f"{each.name.replace('-', '_')}-{each.version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Name: {each.title or each.name}", f"Version: {each.version}"]
    lines += [f"Requires-Dist: {text}" for text in each.requires] + [f"Provides-Extra: {text}" for text in each.extras]
    lines += [f"Requires-Python: {each.requires_python}"] if each.requires_python else []
    lines += [f"License-Expression: {each.license}"] if each.license else []
    (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n\nA description.\n")
    (info / "INSTALLER").write_text((each.installer or "pip") + "\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    if each.requested:
        (info / "REQUESTED").touch()
    if each.url:
        (info / "direct_url.json").write_text(json.dumps({"url": each.url, "dir_info": {"editable": each.editable}}))
    rows = [f"{info.name}/RECORD,,"]
    for path, data in (files or {}).items():
        place = site / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}")
    (info / "RECORD").write_text("\n".join(rows) + "\n")
    return info


def environment(site: Path, packages: Iterable[InstalledPackage]) -> Path:
    """Write several; the folder."""
    for each in packages:
        write(site, each)
    return site


CONFLICT = (
    package("app", "1.0", "middle"),
    package("middle", "1.0", "below"),
    package("below", "1.0", "shared<2"),
    package("tool", "1.0", "driver"),
    package("driver", "1.3", "shared>=2"),
    package("shared", "1.5"),
    package("apart", "1.0"),
)
"""Two roots whose requirements of one package have no version in common."""
