"""Why a package is installed: the packages that require it, up to the roots."""

from __future__ import annotations

import msgspec

from airworthy.core.errors import UnknownName
from airworthy.core.registry import unknown_name
from airworthy.environment.packages import Edge, PackageGraph

MOST_ROWS = 500
"""Rows of a tree; a package that stood before is not unfolded again."""


class TreeRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of the tree upwards."""

    depth: int
    """0 for the package itself, 1 for those that require it."""
    package: str
    """A package."""
    version: str
    """Its installed version; empty where it is not installed."""
    requires: str = ""
    """What it requires of the row above it in the tree, `numpy<2`."""
    met: bool = True
    """Whether what it requires is satisfied."""
    extra: str = ""
    """The extra that brings the requirement."""
    root: bool = False
    """Whether a user asked for it, or no other package requires it."""
    folded: bool = False
    """Whether its own reasons stand further up already."""


def reasons(graph: PackageGraph, name: str) -> tuple[TreeRow, ...]:
    """The tree of packages that require one, nearest first.

    Raises:
        UnknownName: no package of that name is installed or required.
    """
    if name not in graph.packages and name not in graph.required:
        raise _no_such(graph, name)
    rows: list[TreeRow] = []
    seen: set[str] = set()
    roots = frozenset(graph.roots)

    def add(depth: int, package: str, edge: Edge | None) -> None:
        if len(rows) >= MOST_ROWS:
            return
        installed = graph.packages.get(package)
        above = sorted(graph.required.get(package, ()), key=lambda each: (each.by, each.specifier))
        above = [each for each in above if each.by != package]
        folded = package in seen and bool(above)
        rows.append(
            TreeRow(
                depth,
                package,
                installed.version if installed else "",
                edge.text if edge else "",
                graph.satisfied(edge) if edge else True,
                edge.extra if edge else "",
                package in roots,
                folded,
            )
        )
        if package not in seen and depth < 60:
            seen.add(package)
            for each in above:
                add(depth + 1, each.by, each)

    add(0, name, None)
    return tuple(rows)


def _no_such(graph: PackageGraph, name: str) -> UnknownName:
    return unknown_name("package", name, sorted(graph.packages))
