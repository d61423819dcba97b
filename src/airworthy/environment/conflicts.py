"""Contradictions between installed packages, each with the ways that lead from a root to both of its sides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations

import msgspec

from airworthy.causes.requirements import contradict, specifiers
from airworthy.environment.packages import Edge, PackageGraph

MOST_SIDES = 50
"""Requirements of one package that are shown on each side."""
MOST_TOGETHER = 3
"""Requirements of which a contradicting set may consist; larger ones are not searched for."""


class Step(msgspec.Struct, frozen=True):
    """One requirement on a chain."""

    package: str
    """The package that requires."""
    version: str
    """Its installed version."""
    requires: str
    """What it requires, `numpy<2,>=1.26`."""
    extra: str = ""
    """The extra of the package that brings the requirement; empty for none."""


class Chain(msgspec.Struct, frozen=True):
    """The requirements that lead from a root to one package; the last is the one in question."""

    root: str
    """The package at its beginning, which no other one requires or a user asked for."""
    steps: tuple[Step, ...]
    """The requirements, from the root's on."""
    met: bool
    """Whether the installed version satisfies the last of them."""

    @property
    def wants(self) -> str:
        """The last requirement, `numpy<2,>=1.26`."""
        return self.steps[-1].requires

    @property
    def by(self) -> str:
        """The package that makes the last requirement."""
        return self.steps[-1].package


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is not there in a version that all who require it take."""

    package: str
    """The package that they require."""
    installed: str
    """Its installed version; empty where it is not installed."""
    unmet: tuple[Chain, ...]
    """The chains to requirements that are not satisfied, at least one."""
    met: tuple[Chain, ...]
    """The chains to those that are satisfied."""
    contradicting: tuple[Chain, ...] = ()
    """The smallest set of chains whose requirements no version satisfies together; empty where one does."""


def conflicts(graph: PackageGraph) -> tuple[Conflict, ...]:
    """All requirements that are not satisfied, by the package that they name."""
    found = []
    for name in sorted(graph.required):
        edges = graph.required[name]
        unmet = [edge for edge in edges if not graph.satisfied(edge)]
        if not unmet:
            continue
        package = graph.packages.get(name)
        chains = {edge: chain_to(graph, edge) for edge in _shortest(graph, edges)}
        found.append(
            Conflict(
                package=name,
                installed=package.version if package else "",
                unmet=tuple(chain for chain in chains.values() if not chain.met),
                met=tuple(chain for chain in chains.values() if chain.met and specifier_of(chain.wants)),
                contradicting=_contradicting(chains),
            )
        )
    return tuple(found)


def _shortest(graph: PackageGraph, edges: list[Edge]) -> list[Edge]:
    """The requirements to show: the unsatisfied first, those near a root before those far from it."""
    ordered = sorted(edges, key=lambda edge: (graph.satisfied(edge), len(graph.way(edge)), edge.by, edge.specifier))
    unmet = [edge for edge in ordered if not graph.satisfied(edge)][:MOST_SIDES]
    return unmet + [edge for edge in ordered if graph.satisfied(edge)][:MOST_SIDES]


def chain_to(graph: PackageGraph, edge: Edge) -> Chain:
    """The shortest chain from a root to a requirement."""
    way = graph.way(edge)
    steps = tuple(Step(each.by, graph.packages[each.by].version, each.text, each.extra) for each in way)
    return Chain(way[0].by, steps, graph.satisfied(edge))


def _contradicting(chains: dict[Edge, Chain]) -> tuple[Chain, ...]:
    """The smallest set of requirements that have no version in common, one unsatisfied among them."""
    by_versions: dict[str, Edge] = {}
    for edge in chains:
        if edge.specifier:
            by_versions.setdefault(edge.specifier, edge)
    edges = list(by_versions.values())
    for size in range(2, MOST_TOGETHER + 1):
        for group in combinations(edges, size):
            if any(not chains[edge].met for edge in group) and contradict(edge.specifier for edge in group):
                return tuple(chains[edge] for edge in group)
    return ()


def specifier_of(requirement: str) -> str:
    """The versions in a requirement without a marker, `<2,>=1.26` of `numpy<2,>=1.26`."""
    match = re.match(r"[A-Za-z0-9][\w.-]*", requirement)
    return requirement[match.end() :] if match else ""


def merged_specifier(wanted: Iterable[str]) -> str:
    """All clauses of several requirements as one, each once, `>=1.26,<2`."""
    clauses: dict[str, None] = {}
    for text in wanted:
        parsed = specifiers(text)
        for clause in parsed or ():
            clauses[str(clause)] = None
    return ",".join(sorted(clauses, key=lambda clause: (clause[0] == "<", clause)))
