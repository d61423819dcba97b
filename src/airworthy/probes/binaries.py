"""Shared objects that installed packages brought: what they need, and which of it the loader would not find."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from airworthy.core.facts import Known
from airworthy.core.keys import BINARIES
from airworthy.core.values import Binary
from airworthy.core.version import Version
from airworthy.core.words import say
from airworthy.probes.cpu import normalise_architecture
from airworthy.probes.distributions import Environment, File, Installed, environment, files, required_name
from airworthy.probes.elf import Elf, NotElf, read_elf
from airworthy.probes.host import Host, HostError
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.loader import Loader, loader
from airworthy.probes.python_environment import interpreter
from airworthy.probes.sharing import shared

MOST_BINARIES = 20_000
"""Files that are looked at; the source tells where there were more."""
SHARED_OBJECT = re.compile(rb'(?m)^([^,\n"]{1,1024}\.so(?:\.[0-9][0-9.]{0,40})?)(?:,[^,\n]{0,200},(\d{0,15}))?\r?$')
"""A line of RECORD that names a shared object: its path, its size."""


class Object(NamedTuple):
    """A shared object and whose it is."""

    file: File
    """Where it lies."""
    owner: Installed
    """The package that brought it."""


def read(host: Host) -> Reading:
    """Read the headers of all shared objects, and tell those with needs worth telling."""
    system, _, machine = host.uname()
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    found = environment(host)
    objects = shared_objects(host)
    provided = _provided(objects)
    linker = loader(host)
    told: list[Binary] = []
    by_owner: dict[str, list[tuple[str, Elf]]] = {}
    for each in objects[:MOST_BINARIES]:
        elf = _headers(host, each.file.path)
        if elf is not None:
            by_owner.setdefault(each.owner.distribution.name, []).append((each.file.path, elf))
    ours = _machines(machine)
    for name, binaries in by_owner.items():
        near = frozenset().union(*(provided.get(other, frozenset()) for other in related(found, name)))
        told.extend(_worth_telling(host, linker, name, binaries, near, ours))
    source = say("ELF headers of {count} files", count=sum(map(len, by_owner.values())))
    if len(objects) > MOST_BINARIES:
        source = say("{source}, the first of {count}", source=source, count=len(objects))
    yield BINARIES, Known(tuple(told), source)


def shared_objects(host: Host) -> tuple[Object, ...]:
    """The shared objects of all packages, by their records, looked up once a gathering."""
    return shared(host, _objects)


def _objects(host: Host) -> tuple[Object, ...]:
    return tuple(
        Object(file, owner) for owner in environment(host).installed for file in files(host, owner, SHARED_OBJECT)
    )


def _provided(objects: tuple[Object, ...]) -> dict[str, frozenset[str]]:
    names: dict[str, set[str]] = {}
    for each in objects:
        names.setdefault(each.owner.distribution.name, set()).add(posixpath.basename(each.file.path))
    return {owner: frozenset(found) for owner, found in names.items()}


def related(found: Environment, name: str) -> tuple[str, ...]:
    """A package and those that it requires, whose libraries are in the process before its own extensions are.

    `import torch` loads the libraries of the nvidia packages by path, and torchvision's import begins with torch.
    """
    owner = found.get(name)
    requires = owner.distribution.requires if owner else ()
    return (name, *dict.fromkeys(filter(None, map(required_name, requires))))


def _headers(host: Host, path: str) -> Elf | None:
    try:
        return read_elf(lambda offset, size: host.read(path, size, offset))
    except (HostError, NotElf):
        return None  # removed since, or a linker script under the name of a library


def _machines(machine: str) -> frozenset[str]:
    machine = normalise_architecture(machine)
    return frozenset({machine, {"ppc64le": "ppc64", "armv7l": "arm", "i686": "i386"}.get(machine, machine)})


def _worth_telling(
    host: Host, linker: Loader, name: str, binaries: list[tuple[str, Elf]], near: frozenset[str], ours: frozenset[str]
) -> list[Binary]:
    """Those with missing libraries, and the ones that need the newest glibc and the newest C++ library.

    Of a package that brought nothing for this architecture, one stands for all.
    """
    native = [(path, elf) for path, elf in binaries if elf.machine in ours]
    if not native:
        path, elf = binaries[0]
        return [Binary(path=path, distribution=name, machine=elf.machine, needed=elf.needed)]
    told: dict[str, Binary] = {}
    newest: dict[str, tuple[Version, Binary]] = {}
    for path, elf in native:
        missing = tuple(
            soname for soname in elf.needed if soname not in near and not _is_loaded(host, soname, linker, path, elf)
        )
        own = _brings_its_own(linker, path, elf)
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


def _brings_its_own(linker: Loader, path: str, elf: Elf) -> bool:
    """Whether its own search path leads to a C++ library of its own, and not to the one that all share."""
    if "libstdc++.so.6" not in elf.needed or not (elf.rpath or elf.runpath):
        return False
    found = linker.find("libstdc++.so.6", path, elf)
    return found is not None and found.found_by in {"RPATH", "RUNPATH"}


def _is_loaded(host: Host, soname: str, linker: Loader, path: str, elf: Elf) -> bool:
    if linker.find(soname, path, elf) is not None:
        return True
    # The interpreter that is looked at has its own library in the process already.
    return soname.startswith("libpython") and soname in linker.names(f"{interpreter(host).prefix}/lib")


PROBE = Probe("binaries", (BINARIES,), read)
"""Shared objects with needs worth telling."""
