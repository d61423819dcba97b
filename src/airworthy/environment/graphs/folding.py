"""Making a large graph readable: what matters stays, the rest becomes one box below what brings it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from airworthy.core.messages import say
from airworthy.environment.graphs.model import DependencyEdge, DependencyGraph, DependencyNode

MOST_NODES = 60
"""Nodes of a picture that can be read on one page."""


class Fold(msgspec.Struct, frozen=True):
    """Nodes that are drawn as one box."""

    id: str
    """The key of the box."""
    below: str
    """The node under which it hangs; empty for roots."""
    members: tuple[str, ...]
    """The keys of the nodes in it."""


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """A graph of few nodes, and what is behind its boxes."""

    graph: DependencyGraph
    """The graph to draw; a box is a node with the label `Fold`."""
    folds: tuple[Fold, ...]
    """The boxes."""


def fold(graph: DependencyGraph, *, most: int = MOST_NODES, keep: Iterable[str] = ()) -> Folded:
    """Fold a graph to a number of nodes.

    Conflicts and what was asked to be kept stay whatever their number; then come roots and the packages that most
    others require. A node that is folded hangs below the kept node through which it is reached first.
    """
    if len(graph.nodes) <= most:
        return Folded(graph=graph, folds=())
    nodes = {node.id: node for node in graph.nodes}
    below: dict[str, list[str]] = {key: [] for key in nodes}
    counts = dict.fromkeys(nodes, 0)
    for edge in graph.edges:
        below[edge.source].append(edge.target)
        counts[edge.target] += 1
    kept = {key for key, node in nodes.items() if node.conflict or node.label == "Missing"} | (set(keep) & nodes.keys())
    # Boxes take room as well: one for each kept node at the most.
    budget = max(most * 2 // 3, 8)
    by_weight = sorted(
        nodes, key=lambda key: (not nodes[key].root, -len(below[key]) if nodes[key].root else -counts[key], key)
    )
    roots = [key for key in by_weight if nodes[key].root][: budget // 2]
    hubs = sorted((key for key in nodes if not nodes[key].root), key=lambda key: (-counts[key] - len(below[key]), key))
    for key in [*roots, *hubs]:
        if len(kept) >= budget:
            break
        kept.add(key)
    home = _homes(below, kept)
    groups: dict[str, list[str]] = {}
    for key in nodes:
        if key not in kept:
            groups.setdefault(home.get(key, ""), []).append(key)
    if len(kept) + len(groups) > most:
        # Small boxes below many nodes become one box of the rest.
        large = sorted(groups, key=lambda key: (-len(groups[key]), key))[: max(most - len(kept) - 1, 1)]
        rest = [member for key, members in groups.items() if key not in large for member in members]
        groups = {key: groups[key] for key in large}
        if rest:
            groups[""] = sorted([*groups.get("", []), *rest])
    return _drawn(graph, nodes, kept, groups)


def _homes(below: dict[str, list[str]], kept: set[str]) -> dict[str, str]:
    """For each folded node the kept node through which it is reached first."""
    edge = sorted(kept)
    home = {key: key for key in edge}
    while edge:
        reached = []
        for key in edge:
            for target in below[key]:
                if target not in home:
                    home[target] = home[key]
                    reached.append(target)
        edge = reached
    return home


def _drawn(
    graph: DependencyGraph, nodes: dict[str, DependencyNode], kept: set[str], groups: dict[str, list[str]]
) -> Folded:
    folds, shown = [], [nodes[key] for key in sorted(kept)]
    edges = [edge for edge in graph.edges if edge.source in kept and edge.target in kept]
    for below, members in sorted(groups.items()):
        key = f"fold:{below or 'rest'}"
        folds.append(Fold(key, below, tuple(members)))
        names = sorted(nodes[each].name for each in members)
        text = say(
            "+{count}: {names}", count=len(names), names=", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
        )
        shown.append(DependencyNode(id=key, label="Fold", name=text))
        if below:
            edges.append(DependencyEdge(source=below, target=key))
    folded = DependencyGraph(name=graph.name, nodes=tuple(shown), edges=tuple(edges))
    return Folded(graph=folded, folds=tuple(folds))
