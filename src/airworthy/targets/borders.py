"""The sub-graphs that an assignment of nodes to targets makes, and the values that cross between them."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.core.graph import Node


def borders(nodes: Sequence[Node], places: Sequence[str], target: str) -> tuple[int, list[tuple[str, str, str]]]:
    """How many sub-graphs of a graph run on a target, and the values that cross to and from it.

    A target's nodes make one sub-graph as long as none of them waits for a node elsewhere that waits for one of them:
    each node stands one step after those that it waits for elsewhere, and the steps in which the target works are
    counted. A node without a place (one that works sizes out) is seen through.
    """
    if {*places} <= {target, ""}:
        return int(target in places), []
    made: dict[str, tuple[int, str]] = {}
    through: dict[str, list[tuple[int, str]]] = {}
    steps: set[int] = set()
    crossing: dict[tuple[str, str, str], None] = {}
    for node, place in zip(nodes, places, strict=True):
        before: list[tuple[int, str]] = []
        for name in _taken(node):
            if name in made:
                before.append(made[name])
                if place and made[name][1] != place and target in (place, made[name][1]):
                    crossing[name, made[name][1], place] = None
            before += through.get(name, ())
        if not place:
            told = max(before, default=None)
            through |= {name: [told] if told else [] for name in node.outputs}
            continue
        step = max((at + (where != place) for at, where in before), default=0)
        if place == target:
            steps.add(step)
        made |= {name: (step, place) for name in node.outputs if name}
    return len(steps), list(crossing)


def _taken(node: Node) -> set[str]:
    """What a node takes, with what the graphs within it take from around them."""
    names = {name for name in node.inputs if name}
    for inner in node.graphs:
        own = {name for each in inner.nodes for name in each.outputs}
        names |= {name for each in inner.nodes for name in _taken(each)} - own
    return names
