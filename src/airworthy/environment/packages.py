"""The graph of installed packages: which requirement of which package holds here, and from where each is reached."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from airworthy.causes.requirements import accepts, evaluate, marker_environment, parse_requirement
from airworthy.core.packages import InstalledPackage, InstalledSet


class Edge(NamedTuple):
    """A requirement of an installed package that holds here."""

    by: str
    """The package that requires."""
    name: str
    """The package that it requires."""
    specifier: str
    """The versions that it takes, `<2,>=1.26`; empty for any."""
    extra: str = ""
    """The extra of the requiring package that brings it; empty for none."""
    marker: str = ""
    """The condition under which it holds; empty for none."""

    @property
    def text(self) -> str:
        """The requirement without its marker, `numpy<2,>=1.26`."""
        return f"{self.name}{self.specifier}"


class PackageGraph:
    """Installed packages and their requirements, by name."""

    def __init__(self, packages: dict[str, InstalledPackage], edges: tuple[Edge, ...]) -> None:
        self.packages = packages
        """The packages by name."""
        self.edges = edges
        """Their requirements that hold here."""
        self.requires: dict[str, list[Edge]] = {name: [] for name in packages}
        """The requirements of each package."""
        self.required: dict[str, list[Edge]] = {}
        """The requirements that name each package, installed or not."""
        for edge in edges:
            self.requires[edge.by].append(edge)
            self.required.setdefault(edge.name, []).append(edge)

    @functools.cached_property
    def roots(self) -> tuple[str, ...]:
        """Packages that a user asked for, or that no other one requires; of a cycle that hangs in the air, the first.

        An installation from a list or a lock marks each of its packages as requested, which then says nothing.
        """
        free = {name for name in self.packages if not any(edge.by != name for edge in self.required.get(name, ()))}
        below = [package for name, package in self.packages.items() if name not in free]
        marked = {package.name for package in below if package.requested}
        said = marked if 2 * len(marked) < len(below) else set()
        editable = {name for name, package in self.packages.items() if package.editable}
        found = dict.fromkeys(sorted(free | said | editable))
        reached = set(self._below(tuple(found)))
        for name in sorted(self.packages):
            if name not in reached:
                found[name] = None
                reached |= set(self._below((name,)))
        return tuple(sorted(found))

    def _below(self, names: tuple[str, ...]) -> Iterator[str]:
        seen, waiting = set(names), deque(names)
        while waiting:
            name = waiting.popleft()
            yield name
            for edge in self.requires.get(name, ()):
                if edge.name in self.packages and edge.name not in seen:
                    seen.add(edge.name)
                    waiting.append(edge.name)

    @functools.cached_property
    def _came_by(self) -> dict[str, Edge | None]:
        """For each package the last requirement of a shortest way from a root; None for a root."""
        came: dict[str, Edge | None] = dict.fromkeys(self.roots)
        waiting = deque(self.roots)
        while waiting:
            name = waiting.popleft()
            for edge in sorted(self.requires[name], key=lambda each: each.name):
                if edge.name in self.packages and edge.name not in came:
                    came[edge.name] = edge
                    waiting.append(edge.name)
        return came

    def way(self, edge: Edge) -> tuple[Edge, ...]:
        """The requirements on a shortest way from a root to this one, which is the last; of a root's own, only it."""
        way = [edge]
        while (before := self._came_by.get(way[-1].by)) is not None:
            way.append(before)
        return tuple(reversed(way))

    def satisfied(self, edge: Edge) -> bool:
        """Whether the package that a requirement names is there in a version that it takes."""
        package = self.packages.get(edge.name)
        return package is not None and accepts(edge.specifier, package.version)


def build_graph(installed: InstalledSet) -> PackageGraph:
    """The graph of an environment; requirements of an extra hold where another package asks for the extra."""
    environment = marker_environment(installed.python, installed.system, installed.release, installed.machine)
    packages = {each.name: each for each in installed.packages}
    judged: dict[tuple[str, str], bool] = {}

    def holds(marker: str, extra: str) -> bool:
        # Most markers of large packages are those of extras that nothing asks for.
        if not extra and marker.startswith("extra ==") and " or " not in marker:
            return False
        key = (marker, extra if "extra" in marker else "")
        if key not in judged:
            judged[key] = evaluate(marker, {**environment, "extra": extra})
        return judged[key]

    edges: dict[Edge, None] = {}
    waiting: deque[tuple[str, str]] = deque((name, "") for name in packages)
    asked: set[tuple[str, str]] = set(waiting)
    while waiting:
        name, extra = waiting.popleft()
        for text in packages[name].requires:
            written = parse_requirement(text)
            if written is None or (extra and "extra" not in written.marker):
                continue
            if written.marker and not holds(written.marker, extra):
                continue
            # WantedRequirements of an extra that hold without it were counted with the package itself.
            if extra and holds(written.marker, ""):
                continue
            for other in written.extras:
                if (written.name, other) not in asked and written.name in packages:
                    asked.add((written.name, other))
                    waiting.append((written.name, other))
            if written.name != name:
                edges[Edge(name, written.name, written.versions, extra, written.marker)] = None
    return PackageGraph(packages, tuple(edges))
