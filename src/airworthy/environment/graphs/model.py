"""Packages, native libraries, drivers and chips as one graph, and the questions about it in plain Python."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from airworthy.core.packages import Library
from airworthy.environment.lockfile import LockedPackage
from airworthy.environment.packages import PackageGraph

MOST_PATHS = 200
"""Paths of one answer."""
MOST_STEPS = 200_000
"""Steps after which a search for paths ends with those that it has."""
LABELS = ("Package", "Library", "System", "Driver", "Device", "Missing")
"""Kinds of nodes, which are labels in a graph database."""


_DRIVERS_OF = {
    "nvidia": ("nvidia-driver",),
    "amd": ("rocm",),
    "ascend": ("cann", "npu-driver"),
    "intel": ("level-zero",),
}
"""What brings the libraries of a maker's devices."""


class DependencyNode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node."""

    id: str
    """Its key, `package:numpy`; of the same thing the same in every environment."""
    label: str
    """Its kind, one of `LABELS`."""
    name: str
    """Its name, `numpy`; of a library without what follows `.so`, `libcudart`."""
    version: str = ""
    """Its version; of a library the whole soname, `libcudart.so.12`."""
    root: bool = False
    """Whether a user asked for it, or no other package requires it."""
    conflict: bool = False
    """Whether it lies on a chain of a conflict."""


class DependencyEdge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One requirement."""

    source: str
    """The key of the node that requires."""
    target: str
    """The key of what it requires."""
    requires: str = ""
    """The requirement, `numpy<2`; of libraries empty."""
    met: bool = True
    """Whether it is satisfied."""
    conflict: bool = False
    """Whether it lies on a chain of a conflict."""
    evidence: str = "metadata"
    """What says so: `metadata`, `lock`, `sbom`, `elf`, `facts` of the host."""


class DependencyGraph(msgspec.Struct, frozen=True, kw_only=True):
    """A graph of one environment or lock."""

    name: str
    """What it is of: a folder."""
    nodes: tuple[DependencyNode, ...]
    """By their keys, sorted."""
    edges: tuple[DependencyEdge, ...]
    """Sorted, each pair of nodes once."""

    def node(self, name: str) -> DependencyNode | None:
        """The node of a key, a name or a soname; a package before other kinds."""
        fitting = [
            each for each in self.nodes if name in (each.id, each.name) or (each.version == name and ".so" in name)
        ]
        return min(fitting, key=lambda each: LABELS.index(each.label), default=None)


def graph_of(
    name: str, packages: PackageGraph, libraries: Iterable[Library] = (), above: Mapping[str, str] | None = None
) -> DependencyGraph:
    """The graph of an environment.

    Args:
        name: the environment.
        packages: its packages.
        libraries: their native libraries.
        above: drivers and chips by what they are.
    """
    nodes: dict[str, DependencyNode] = {}
    edges: dict[tuple[str, str], DependencyEdge] = {}
    roots = frozenset(packages.roots)
    for each in packages.packages.values():
        key = f"package:{each.name}"
        nodes[key] = DependencyNode(
            id=key, label="Package", name=each.name, version=each.version, root=each.name in roots
        )
    for edge in packages.edges:
        met = packages.satisfied(edge)
        target = f"package:{edge.name}"
        if target not in nodes:
            nodes[target] = DependencyNode(id=target, label="Missing", name=edge.name)
        pair = (f"package:{edge.by}", target)
        if pair not in edges or (edges[pair].met and not met):
            edges[pair] = DependencyEdge(source=pair[0], target=target, requires=edge.text, met=met)
    _add_libraries(nodes, edges, libraries, above or {})
    return _marked(name, nodes, edges)


def graph_of_lock(name: str, locked: Iterable[LockedPackage]) -> DependencyGraph:
    """The graph of a lock; of a package in two versions one node with both."""
    locked = tuple(locked)
    versions: dict[str, list[str]] = {}
    for each in locked:
        versions.setdefault(each.name, []).append(each.version)
    required = {other for each in locked for other in each.dependencies if other != each.name}
    nodes = {
        f"package:{key}": DependencyNode(
            id=f"package:{key}", label="Package", name=key, version=" | ".join(all_), root=key not in required
        )
        for key, all_ in versions.items()
    }
    edges = {}
    for each in locked:
        for other in each.dependencies:
            pair = (f"package:{each.name}", f"package:{other}")
            if pair[1] in nodes:
                edges[pair] = DependencyEdge(source=pair[0], target=pair[1], evidence="lock")
    return _marked(name, nodes, edges)


def _add_libraries(
    nodes: dict[str, DependencyNode],
    edges: dict[tuple[str, str], DependencyEdge],
    libraries: Iterable[Library],
    above: Mapping[str, str],
) -> None:
    for each in libraries:
        source = f"package:{each.by}"
        if source not in nodes:
            continue
        if each.evidence == "sbom":
            stem, version = each.soname, each.component.rpartition("@")[2].partition("?")[0] if each.component else ""
            key = f"library:{each.by}/{stem}"
        else:
            stem, version = re.split(r"\.so\b", each.soname)[0], each.soname
            key = f"library:{each.soname}"
        nodes.setdefault(key, DependencyNode(id=key, label="Library", name=stem, version=version))
        met = each.provider != "missing" and each.found
        edges[source, key] = DependencyEdge(source=source, target=key, met=met, evidence=each.evidence)
        if each.evidence == "sbom":
            continue
        label = {"system": "System", "driver": "Driver", "package": "Package"}.get(each.provider, "Missing")
        owner = each.owner or (each.path if each.provider == "system" else "")
        if not owner:
            continue
        below = f"{label.lower()}:{owner}"
        if below not in nodes:
            nodes[below] = DependencyNode(id=below, label=label, name=owner, version=above.get(owner, ""))
        edges[key, below] = DependencyEdge(source=key, target=below, met=each.provider != "missing", evidence="elf")
    for name, what in above.items():
        maker, _, rest = name.partition(".")
        if rest.startswith("devices"):
            key = f"device:{name}"
            nodes[key] = DependencyNode(id=key, label="Device", name=what)
            for driver in _DRIVERS_OF.get(maker, ()):
                if f"driver:{driver}" in nodes:
                    source = f"driver:{driver}"
                    edges[source, key] = DependencyEdge(source=source, target=key, evidence="facts")


def _marked(
    name: str, nodes: dict[str, DependencyNode], edges: dict[tuple[str, str], DependencyEdge]
) -> DependencyGraph:
    """The graph with what lies on the chains of conflicts marked: the shortest way from a root to each side."""
    came = _shortest([key for key, node in nodes.items() if node.root], edges)
    broken = {edge.target for edge in edges.values() if not edge.met}
    on: set[tuple[str, str]] = set()
    for pair, edge in edges.items():
        if edge.target in broken and (not edge.met or re.search(r"[<>=!~]", edge.requires)):
            on.add(pair)
            at = edge.source
            while (before := came.get(at)) is not None:
                on.add((before, at))
                at = before
    marked = {key for pair in on for key in pair}
    replace = msgspec.structs.replace
    return DependencyGraph(
        name=name,
        nodes=tuple(replace(nodes[key], conflict=key in marked) for key in sorted(nodes)),
        edges=tuple(replace(edges[pair], conflict=pair in on) for pair in sorted(edges)),
    )


def _shortest(roots: Iterable[str], edges: Mapping[tuple[str, str], DependencyEdge]) -> dict[str, str | None]:
    below: dict[str, list[str]] = {}
    for source, target in sorted(edges):
        below.setdefault(source, []).append(target)
    came: dict[str, str | None] = dict.fromkeys(sorted(roots))
    waiting = deque(came)
    while waiting:
        at = waiting.popleft()
        for target in below.get(at, ()):
            if target not in came:
                came[target] = at
                waiting.append(target)
    return came


def paths_to(graph: DependencyGraph, target: str) -> tuple[tuple[str, ...], ...]:
    """Paths from roots to a node, shortest first, as keys; at most `MOST_PATHS`."""
    above: dict[str, list[str]] = {}
    for edge in graph.edges:
        above.setdefault(edge.target, []).append(edge.source)
    roots = {node.id for node in graph.nodes if node.root}
    found: list[tuple[str, ...]] = []
    waiting: deque[tuple[str, ...]] = deque([(target,)])
    steps = 0
    while waiting and len(found) < MOST_PATHS and steps < MOST_STEPS:
        path = waiting.popleft()
        steps += 1
        if path[0] in roots:
            found.append(path)
        for source in above.get(path[0], ()):
            if source not in path:
                waiting.append((source, *path))
    return tuple(found)


def blast_radius(graph: DependencyGraph, target: str) -> tuple[DependencyNode, ...]:
    """Every node from which one can be reached: what breaks when it does."""
    above: dict[str, list[str]] = {}
    for edge in graph.edges:
        above.setdefault(edge.target, []).append(edge.source)
    seen, waiting = {target}, deque([target])
    while waiting:
        for source in above.get(waiting.popleft(), ()):
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return tuple(node for node in graph.nodes if node.id in seen and node.id != target)


def broken_edges(graph: DependencyGraph) -> tuple[DependencyEdge, ...]:
    """The requirements that are not satisfied."""
    return tuple(edge for edge in graph.edges if not edge.met)
