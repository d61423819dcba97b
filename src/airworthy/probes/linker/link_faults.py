"""Needs of installed shared objects that the loader does not meet: none found, of another architecture or version."""

from __future__ import annotations

import re

from airworthy.core.facts import Known
from airworthy.core.keys import LINK_FAULTS
from airworthy.core.messages import say
from airworthy.core.values import LinkFault
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.elf import Elf
from airworthy.probes.linker.headers import elf_of
from airworthy.probes.linker.linking import Link, Linked, LinkedObjects, linked
from airworthy.probes.linker.objects import EXTENSION
from airworthy.probes.seam.host import Host, HostError

MOST_TOLD = 200
"""Faults that are reported; an environment copied from another machine has thousands."""
_COUNTED = re.compile(r"GLIBC_2\.\d+(?:\.\d+)?|(?:GLIBCXX|CXXABI)_\d[\d.]*")
"""Versions of the C and C++ libraries that all share, reported by the newest of each package with the binaries."""
_NAMES_A_MACHINE = re.compile(r"(?i)aarch|arm|x86|x64|amd64|i[36]86|ppc|s390|riscv|mips|loong|win|mac|darwin|android")
"""Parts of a path by which packages distinguish the files that they carry for several machines."""
_OWN = frozenset({"RPATH", "RUNPATH", "its path"})


def read(host: Host) -> Reading:
    """Read what each shared object does not get."""
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    found = linked(host)
    faults: dict[tuple[str, str, str], LinkFault] = {}
    native = {each.object.distribution for each in found.linked if each.elf.machine in found.machines}
    for each in found.linked:
        for fault in _faults(host, found, each, native):
            faults.setdefault((fault.distribution, fault.soname or fault.binary, fault.kind), fault)
    told = tuple(faults.values())
    source = say("ELF headers of {count} files and the loader's rules", count=len(found.linked))
    if len(told) > MOST_TOLD:
        source = say("{source}; the first {told} of {count} faults", source=source, told=MOST_TOLD, count=len(told))
    yield LINK_FAULTS, Known(told[:MOST_TOLD], source)


def _faults(host: Host, found: LinkedObjects, each: Linked, native: set[str]) -> list[LinkFault]:
    path, owner, elf = each.object.file.path, each.object.distribution, each.elf
    if elf.machine not in found.machines:
        return [_foreign(each)] if owner in native and _is_for_here(each, found.machines) else []
    wants = dict(elf.wants)
    told = []
    for link in each.links:
        if link.found is None and not link.preloaded:
            told.append(_missing(host, found, each, link))
        elif link.found is not None and link.soname in wants:
            taken = elf_of(host, link.found.path)
            lacking = _lacking(wants[link.soname], taken, own=link.found.found_by in _OWN)
            if lacking:
                held = found.brought.get(link.soname)
                other = elf_of(host, held.file.path) if held else None
                would_do = held is not None and other is not None and set(wants[link.soname]) <= set(other.provides)
                told.append(
                    LinkFault(
                        kind="version",
                        binary=path,
                        distribution=owner,
                        soname=link.soname,
                        version=lacking[0],
                        used=host.resolve(link.found.path),
                        found_by=link.found.found_by,
                        held=held.file.path if held and would_do else "",
                        held_by=held.distribution if held and would_do else "",
                    )
                )
    return told


def _lacking(wanted: tuple[str, ...], taken: Elf | None, *, own: bool) -> tuple[str, ...]:
    """The version symbols that a library does not define; one without any versions is taken with a warning."""
    if taken is None or not taken.provides:
        return ()
    return tuple(each for each in wanted if each not in taken.provides and (own or not _COUNTED.fullmatch(each)))


def _missing(host: Host, found: LinkedObjects, each: Linked, link: Link) -> LinkFault:
    held = found.brought.get(link.soname)
    foreign = elf_of(host, link.foreign) if link.foreign else None
    return LinkFault(
        kind="architecture" if link.foreign else "missing",
        binary=each.object.file.path,
        distribution=each.object.distribution,
        soname=link.soname,
        used=link.foreign,
        machine=foreign.machine if foreign else "",
        held=held.file.path if held and not foreign else "",
        held_by=held.distribution if held and not foreign else "",
    )


def _foreign(each: Linked) -> LinkFault:
    path = each.object.file.path
    return LinkFault(
        kind="architecture", binary=path, distribution=each.object.distribution, used=path, machine=each.elf.machine
    )


def _is_for_here(each: Linked, machines: frozenset[str]) -> bool:
    """Whether an extension's name says that it is for this machine, or does not say for which."""
    match = EXTENSION.search(each.object.name)
    if match is None:
        return False  # packages carry tools for several machines
    if match["platform"] is not None:
        return match["platform"].startswith(tuple(machines))
    return _NAMES_A_MACHINE.search(each.object.file.path[len(each.object.owner.distribution.location) :]) is None


PROBE = Probe("link-faults", (LINK_FAULTS,), read)
"""Needs that the loader does not meet."""
