"""CUDA libraries that the loader takes from LD_LIBRARY_PATH although a package was installed for them."""

from __future__ import annotations

import posixpath

from airworthy.core.facts import Known
from airworthy.core.keys import LOADER_SHADOWED
from airworthy.core.values import Shadow
from airworthy.core.words import say
from airworthy.probes.binaries import shared_objects
from airworthy.probes.elf import Elf, NotElf, read_elf
from airworthy.probes.host import Host, HostError
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.libraries import is_wanted
from airworthy.probes.loader import loader

BY = "LD_LIBRARY_PATH"


def read(host: Host) -> Reading:
    """Follow each packaged CUDA library to what the loader would take in its place."""
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    linker = loader(host)
    if not linker.library_path:
        yield LOADER_SHADOWED, Known((), say("{name} is not set", name=BY))
        return
    elsewhere = {name for directory in linker.library_path for name in linker.names(directory) if is_wanted(name)}
    objects = shared_objects(host)
    packaged = {posixpath.basename(each.file.path): each for each in objects}
    in_question = {name for name in elsewhere if name in packaged}
    found: dict[tuple[str, str], Shadow] = {}
    for each in objects if in_question else ():
        elf = _headers(host, each.file.path)
        for soname in elf.needed if elf else ():
            if soname not in in_question:
                continue
            taken = linker.find(soname, each.file.path, elf)
            meant = packaged[soname]
            if taken is None or taken.found_by != BY:
                continue
            used = host.resolve(taken.path)
            if used == host.resolve(meant.file.path):
                continue  # the variable leads to the package itself
            found.setdefault(
                (soname, each.owner.distribution.name),
                Shadow(
                    soname=soname,
                    used=used,
                    found_by=BY,
                    meant=meant.file.path,
                    meant_by=meant.owner.distribution.name,
                    binary=each.file.path,
                    distribution=each.owner.distribution.name,
                ),
            )
    yield LOADER_SHADOWED, Known(tuple(found.values()), say("{name} and ELF headers", name=BY))


def _headers(host: Host, path: str) -> Elf | None:
    try:
        return read_elf(lambda offset, size: host.read(path, size, offset))
    except (HostError, NotElf):
        return None


PROBE = Probe("shadows", (LOADER_SHADOWED,), read)
"""Packaged CUDA libraries that others hide."""
