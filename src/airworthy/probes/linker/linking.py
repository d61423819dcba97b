"""What the loader would map for each shared object of the installed packages, worked out without loading any.

The order is that of https://man7.org/linux/man-pages/man8/ld.so.8.html: the run paths of the asker and of those that
brought it in (`DT_RPATH`, where the asker has no `DT_RUNPATH`), `LD_LIBRARY_PATH`, the asker's `DT_RUNPATH`, the cache,
the default directories. A file of another architecture is passed over. What is in the process already by the same name
is taken from there, as is what a package loads by its path before its extensions ask for it.
"""

from __future__ import annotations

import posixpath
from collections import deque
from typing import NamedTuple

from airworthy.probes.host.cpu import normalise_architecture
from airworthy.probes.linker.elf import Elf, NotElf
from airworthy.probes.linker.headers import elf_of, headers
from airworthy.probes.linker.loader import DynamicLoader, Found, loader
from airworthy.probes.linker.objects import EXTENSION, Object, related, shared_objects
from airworthy.probes.python.environment import interpreter
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.sharing import shared

MOST_OBJECTS = 20_000
"""Shared objects that are read."""
MOST_MAPPED = 100
"""Libraries of the interpreter that are followed."""
MOST_STEPS = 400_000
"""Needs that are followed in all; what is left after that is not reported."""


class Link(NamedTuple):
    """One need of one shared object, and what the loader does about it."""

    soname: str
    """The requested name."""
    found: Found | None
    """What it takes; None where it finds nothing of this architecture."""
    preloaded: bool
    """Whether it lies in a package that has loaded it by then, and the loader alone would not find it."""
    foreign: str
    """A file by that name that was passed over, being of another architecture; or empty."""
    without: str
    """What it would take if LD_LIBRARY_PATH were not set, where that is another file; or empty."""


class Linked(NamedTuple):
    """A shared object with its headers and what it gets."""

    object: Object
    """The file and whose it is."""
    elf: Elf
    """Its headers."""
    links: tuple[Link, ...]
    """What it needs, in its order; none for one of another architecture."""


class LinkedObjects(NamedTuple):
    """All shared objects of the installed packages."""

    linked: tuple[Linked, ...]
    """Those with headers, in the order of the packages."""
    left_out: int
    """How many more there are by the records, beyond those that are read."""
    machines: frozenset[str]
    """The names of this machine's architecture."""
    brought: dict[str, Object]
    """The first file by each name that is there."""


def linked(host: Host) -> LinkedObjects:
    """What each shared object gets, worked out once a gathering."""
    return shared(host, _link)


def _link(host: Host) -> LinkedObjects:
    return _Linking(host).all()


def closure(host: Host, path: str) -> dict[str, Found | None]:
    """What the loader maps for one file that nothing else has brought in, by name, as `ldd` prints it.

    Raises:
        HostError: the file can't be read.
        NotElf: it is no ELF file.
    """
    read = headers(host, path)
    if read.elf is None:
        raise NotElf(read.problem)
    return _Linking(host).follow(path, read.elf)


def machines_of(machine: str) -> frozenset[str]:
    """The names that ELF headers have for an architecture."""
    machine = normalise_architecture(machine)
    return frozenset({machine, {"ppc64le": "ppc64", "armv7l": "arm", "i686": "i386"}.get(machine, machine)})


class _Linking:
    """One environment at work."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loader: DynamicLoader = loader(host)
        self._ours = machines_of(host.uname()[2])
        self._elves: dict[str, Elf | None] = {}
        self._took: dict[tuple[str, tuple[str, ...], tuple[str, ...], bool], tuple[Found | None, str]] = {}
        self._of_executable: tuple[str, ...] = ()
        """The directories of the interpreter's own `DT_RPATH`, in which everything is searched."""
        self._steps = 0
        self._links: dict[str, dict[str, Link]] = {}
        """Path → soname → the best that any chain of askers gets."""

    def all(self) -> LinkedObjects:
        """Follow every shared object to all that it needs."""
        objects = shared_objects(self._host)
        there: list[tuple[Object, Elf]] = []
        names: dict[str, set[str]] = {}
        brought: dict[str, Object] = {}
        for each in objects[:MOST_OBJECTS]:
            elf = self._elf(each.file.path)
            if elf is not None:
                there.append((each, elf))
                name = posixpath.basename(each.file.path)
                names.setdefault(each.owner.distribution.name, set()).add(name)
                brought.setdefault(name, each)
        process = self._of_process()
        near: dict[str, frozenset[str]] = {}
        # Extensions come first: what they bring in is searched on their paths too, and not alone.
        for each, elf in sorted(there, key=lambda pair: EXTENSION.search(pair[0].file.path) is None):
            path, owner = each.file.path, each.owner.distribution.name
            if elf.machine in self._ours and path not in self._links:
                if owner not in near:
                    near[owner] = frozenset().union(*(names.get(other, frozenset()) for other in related(each.owner)))
                self.follow(path, elf, process, near[owner])
        linked = tuple(Linked(each, elf, tuple(self._links.get(each.file.path, {}).values())) for each, elf in there)
        return LinkedObjects(linked, max(0, len(objects) - MOST_OBJECTS), self._ours, brought)

    def _elf(self, path: str) -> Elf | None:
        if path not in self._elves:
            self._elves[path] = elf_of(self._host, path)
        return self._elves[path]

    def _of_process(self) -> frozenset[str]:
        """The names of what an interpreter has in its process before it imports anything."""
        try:
            python = interpreter(self._host)
        except HostError:
            return frozenset()
        names: set[str] = set()
        path = self._host.resolve(python.executable)
        elf = self._elf(path)
        waiting: deque[tuple[str, Elf, tuple[str, ...]]] = deque()
        if elf:
            self._of_executable = self._loader.expand(elf.rpath, path)
            waiting.append((path, elf, ()))
        while waiting and len(names) < MOST_MAPPED:
            path, elf, inherited = waiting.popleft()
            for soname in elf.needed:
                if soname not in names:
                    names.add(soname)
                    found, _ = self._take(soname, path, elf, inherited)
                    below = self._elf(found.path) if found else None
                    if found and below:
                        waiting.append((found.path, below, self._inherit(path, elf, inherited)))
        libraries = self._loader.names(f"{python.prefix}/lib")
        return frozenset(names | {name for name in libraries if name.startswith("libpython")})

    def _inherit(self, path: str, elf: Elf, inherited: tuple[str, ...]) -> tuple[str, ...]:
        """The directories that what this file brings in is searched in as well."""
        return tuple(dict.fromkeys((*self._loader.expand(elf.rpath, path), *inherited)))

    def _take(self, soname: str, path: str, elf: Elf, inherited: tuple[str, ...]) -> tuple[Found | None, str]:
        """What the loader takes, and the first file that it passes over as being for another architecture."""
        return self._look_up(soname, path, elf, inherited, use_variable=True)

    def _look_up(
        self, soname: str, path: str, elf: Elf, inherited: tuple[str, ...], *, use_variable: bool
    ) -> tuple[Found | None, str]:
        runpath = self._loader.expand(elf.runpath, path)
        rpath = () if elf.runpath else self._inherit(path, elf, inherited)
        key = (soname if "/" not in soname else f"{path}\0{soname}", rpath, runpath, use_variable)
        if key not in self._took:
            foreign = ""
            for candidate in self._loader.candidates(soname, rpath, runpath, path, use_variable=use_variable):
                other = self._elf(candidate.path)
                if other is None and not self._host.exists(candidate.path):
                    continue  # a link that leads nowhere
                if (
                    other is None or other.machine in self._ours
                ):  # a linker script is refused, and nothing after it is tried
                    self._took[key] = (candidate, foreign)
                    break
                foreign = foreign or candidate.path
            else:
                self._took[key] = (None, foreign)
        return self._took[key]

    def follow(
        self, start: str, elf: Elf, process: frozenset[str] = frozenset(), near: frozenset[str] = frozenset()
    ) -> dict[str, Found | None]:
        """All that is mapped when this file is loaded, breadth first as the loader goes; by the name asked for."""
        mapped: dict[str, Found] = {}
        asked: dict[str, Found | None] = {}
        waiting: deque[tuple[str, Elf, tuple[str, ...]]] = deque([(start, elf, self._of_executable)])
        while waiting:
            path, elf, inherited = waiting.popleft()
            links = self._links.setdefault(path, {})
            below_inherits = self._inherit(path, elf, inherited)
            for soname in elf.needed:
                self._steps += 1
                if self._steps > MOST_STEPS:
                    return asked
                found, foreign = mapped.get(soname), ""
                new = found is None
                if found is None:
                    found, foreign = self._take(soname, path, elf, inherited)
                asked[soname] = found
                known = links.get(soname)
                if known is None or (known.found is None and not known.preloaded):
                    preloaded = found is None and (soname in near or soname in process)
                    without = self._without_variable(soname, path, elf, inherited, found)
                    links[soname] = Link(soname, found, preloaded, foreign, without)
                if found is not None and new:
                    mapped[soname] = found
                    below = self._elf(found.path)
                    if below is not None:
                        mapped.setdefault(below.soname, found)
                        waiting.append((found.path, below, below_inherits))
        return asked

    def _without_variable(
        self, soname: str, path: str, elf: Elf, inherited: tuple[str, ...], found: Found | None
    ) -> str:
        if found is None or found.found_by != "LD_LIBRARY_PATH":
            return ""
        meant, _ = self._look_up(soname, path, elf, inherited, use_variable=False)
        if meant is None or self._host.resolve(meant.path) == self._host.resolve(found.path):
            return ""
        return meant.path
