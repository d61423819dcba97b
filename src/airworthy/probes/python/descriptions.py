"""What installers wrote down of each package: all of its requirements, who installed it, and from where.

One listing and one to three small files a package; no RECORD is read.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from airworthy.core.messages import say
from airworthy.core.packages import InstalledPackage, InstalledSet, UnreadPackage
from airworthy.probes.python.distributions import METADATA_LIMIT, normalise_name
from airworthy.probes.python.environment import interpreter
from airworthy.probes.seam.host import Host, HostError

SMALL = 65536
"""Bytes of INSTALLER and direct_url.json that are read."""
MOST_REQUIREMENTS = 5000
"""Requirements of one package that are kept; none that is published comes near."""

_FIELD = re.compile(
    r"^(Name|Version|Requires-Dist|Requires-Python|Provides-Extra|License|License-Expression|Classifier):"
    r"[ \t]*(.{1,1000}?)[ \t\r]*$",
    re.MULTILINE,
)


def read_installed(host: Host) -> InstalledSet:
    """All packages of the inspected interpreter.

    Raises:
        HostError: the interpreter does not answer, or no directory of its import path could be read.
    """
    python = interpreter(host)
    found: dict[str, InstalledPackage] = {}
    hidden, unread, paths = [], [], []
    for path in python.paths:
        try:
            names = host.list(path)
        except HostError:
            continue  # a zip file, or a directory that is not there: the interpreter passes over it as well
        paths.append(path)
        for name in names:
            # A `~` begins what pip left of a package that it could not remove.
            if not name.endswith((".dist-info", ".egg-info")) or name.startswith("~"):
                continue
            try:
                package = _describe(host, path, name)
            except (HostError, ValueError) as error:
                unread.append(UnreadPackage(f"{path}/{name}", str(error)))
                continue
            if package.name in found:
                hidden.append(package)
            else:
                found[package.name] = package
    if not paths:
        raise HostError(say("no directory of the interpreter's import path could be read"))
    system, release, machine = host.uname()
    return InstalledSet(
        packages=tuple(found.values()),
        hidden=tuple(hidden),
        unread=tuple(unread),
        paths=tuple(paths),
        python=python.version,
        executable=python.executable,
        prefix=python.prefix,
        system=system,
        release=release,
        machine=machine,
    )


def _describe(host: Host, path: str, name: str) -> InstalledPackage:
    info = f"{path}/{name}"
    wheel = name.endswith(".dist-info")
    files = frozenset(host.list(info)) if wheel else frozenset[str]()
    text = ""
    for candidate in (f"{info}/METADATA",) if wheel else (f"{info}/PKG-INFO", info):
        try:
            text = host.read(candidate, METADATA_LIMIT).decode("utf-8", "replace")
            break
        except HostError:
            continue  # said below, as a description without a name
    described = parse_description(text)
    if not described.name or not described.version:
        raise ValueError(say("its metadata names no package or no version"))
    installer = _line(host, f"{info}/INSTALLER") if "INSTALLER" in files else ""
    url, editable = "", False
    if "direct_url.json" in files:
        url, editable = _origin(host, f"{info}/direct_url.json")
    if not installer and path.endswith("/dist-packages"):
        installer = "debian"
    return InstalledPackage(
        name=normalise_name(described.name),
        title=described.name,
        version=described.version,
        location=path,
        info=info,
        requires=described.requires,
        extras=described.extras,
        requires_python=described.requires_python,
        installer=installer,
        requested="REQUESTED" in files,
        url=url,
        editable=editable,
        license=described.license,
    )


class PackageMetadata(NamedTuple):
    """What a METADATA file says of a package."""

    name: str
    """Its name as written."""
    version: str
    """Its version."""
    requires: tuple[str, ...]
    """Its requirements as written."""
    extras: tuple[str, ...]
    """The extras that it offers, normalised."""
    requires_python: str
    """The Python versions that it is made for, as written."""
    license: str
    """Its licence: the expression, else the field, else the classifiers."""


def parse_description(text: str) -> PackageMetadata:
    """The fields of METADATA or PKG-INFO that matter to an environment; empty ones where it has none."""
    header = text.replace("\r\n", "\n").partition("\n\n")[0]
    fields: dict[str, list[str]] = {}
    for field, value in _FIELD.findall(header):
        fields.setdefault(field, []).append(value)
    classifiers = [each.rpartition("::")[2].strip() for each in fields.get("Classifier", ()) if "License ::" in each]
    license_ = fields.get("License-Expression", [""])[0] or ", ".join(classifiers)
    return PackageMetadata(
        name=fields.get("Name", [""])[0],
        version=fields.get("Version", [""])[0],
        requires=tuple(fields.get("Requires-Dist", ())[:MOST_REQUIREMENTS]),
        extras=tuple(dict.fromkeys(map(normalise_name, fields.get("Provides-Extra", ())))),
        requires_python=fields.get("Requires-Python", [""])[0],
        license=license_ or fields.get("License", [""])[0],
    )


def _line(host: Host, path: str) -> str:
    try:
        return host.read(path, SMALL).decode("utf-8", "replace").strip().partition("\n")[0][:60]
    except HostError:
        return ""


def _origin(host: Host, path: str) -> tuple[str, bool]:
    """The address that a package came from, and whether it is imported in place; see PEP 610."""
    try:
        data: Any = json.loads(host.read(path, SMALL))
        url, folder = data["url"], data.get("dir_info") or {}
        return (url, bool(folder.get("editable"))) if isinstance(url, str) else ("", False)
    except (HostError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", False
