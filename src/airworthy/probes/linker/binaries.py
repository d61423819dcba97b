"""Shared objects that installed packages brought: what they need, and which of it the loader would not find."""

from __future__ import annotations

from airworthy.core.facts import Known
from airworthy.core.keys import BINARIES
from airworthy.core.messages import say
from airworthy.core.values import Binary
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.linking import Linked, linked
from airworthy.probes.seam.host import Host, HostError

CPLUSPLUS = "libstdc++.so.6"


def read(host: Host) -> Reading:
    """Report the shared objects with needs worth reporting."""
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    found = linked(host)
    by_owner: dict[str, list[Linked]] = {}
    for each in found.linked:
        by_owner.setdefault(each.object.distribution, []).append(each)
    told = [binary for name, objects in by_owner.items() for binary in _worth_telling(name, objects, found.machines)]
    source = say("ELF headers of {count} files", count=len(found.linked))
    if found.left_out:
        source = say("{source}; {count} more were not inspected", source=source, count=found.left_out)
    yield BINARIES, Known(tuple(told), source)


def _worth_telling(name: str, objects: list[Linked], ours: frozenset[str]) -> list[Binary]:
    """Those with missing libraries, and the ones that need the newest glibc and the newest C++ library.

    Of a package that brought nothing for this architecture, one stands for all.
    """
    native = [each for each in objects if each.elf.machine in ours]
    if not native:
        first = objects[0]
        machine, needed = first.elf.machine, first.elf.needed
        return [Binary(path=first.object.file.path, distribution=name, machine=machine, needed=needed)]
    told: dict[str, Binary] = {}
    newest: dict[str, tuple[Version, Binary]] = {}
    for each in native:
        path, elf = each.object.file.path, each.elf
        missing = tuple(link.soname for link in each.links if link.found is None and not link.preloaded)
        own = _brings_its_own(each)
        needs = {
            "glibc": Version(elf.glibc) if elf.glibc else None,
            "glibcxx": Version(elf.glibcxx) if elf.glibcxx and not own else None,
            "cxxabi": Version(elf.cxxabi) if elf.cxxabi and not own else None,
        }
        better = [kind for kind, need in needs.items() if need and (kind not in newest or need > newest[kind][0])]
        if not missing and not better:
            continue
        binary = Binary(path=path, distribution=name, machine=elf.machine, needed=elf.needed, missing=missing, **needs)
        if missing:
            told[path] = binary
        for kind in better:
            newest[kind] = (needs[kind] or Version("0"), binary)
    told.update((binary.path, binary) for _, binary in newest.values())
    return list(told.values())


def _brings_its_own(each: Linked) -> bool:
    """Whether its own search path leads to a C++ library of its own, and not to the one that all share."""
    found = next((link.found for link in each.links if link.soname == CPLUSPLUS), None)
    return found is not None and found.found_by in {"RPATH", "RUNPATH"}


PROBE = Probe("binaries", (BINARIES,), read)
"""Shared objects with needs worth reporting."""
