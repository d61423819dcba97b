"""The smallest change that ends an environment's contradictions: worked out by a resolver, and tried before it is said.

The environment is resolved as a whole with its installed versions as preferences. Then each change that came out of it
is taken back where the rest still has a solution, so that what is left is needed: no part of it can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from airworthy.core.messages import say
from airworthy.environment.packages import PackageGraph

MOST_TRIALS = 24
"""Resolutions that are made at the most."""


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What a resolver is asked."""

    requirements: tuple[str, ...]
    """What must be in the solution, `numpy` or `numpy==1.26.4`."""
    constraints: tuple[str, ...] = ()
    """Versions that hold if a package is in the solution at all."""
    preferences: tuple[str, ...] = ()
    """Pins that are kept where they fit."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a resolver answered."""

    versions: dict[str, str] | None = None
    """The version of each package by normalised name; None where there is no solution."""
    explanation: str = ""
    """The resolver's own words where there is none."""
    unavailable: str = ""
    """Why nothing could be resolved: no resolver, no index, no time. Not the same as no solution."""
    how: str = ""
    """What resolved, `uv 0.13.9, offline`."""


Resolver = Callable[[Resolution], Resolved]


class Change(msgspec.Struct, frozen=True):
    """One package that another version takes the place of."""

    package: str
    """Its normalised name."""
    old: str
    """The installed version; empty for a package that comes anew."""
    new: str
    """The version that comes; empty for a package that goes."""

    @property
    def text(self) -> str:
        """`numpy 1.26.4 -> 2.1.0`."""
        return f"{self.package} {self.old or '-'} -> {self.new or '-'}"


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was tried, or why none is named."""

    changes: tuple[Change, ...] = ()
    """The packages that change; empty where none was found."""
    tried: str = ""
    """What resolved it, and how many resolutions it took; empty where none was made."""
    minimal: bool = False
    """Whether taking back any one of the changes was tried and has no solution."""
    explanation: str = ""
    """The resolver's derivation, where there is no solution at all."""
    unavailable: str = ""
    """Why nothing was tried."""


def smallest_change(graph: PackageGraph, resolve: Resolver) -> Solution:
    """Resolve the environment and take back what need not change."""
    installed = {name: package.version for name, package in graph.packages.items()}
    pins = tuple(f"{name}=={version}" for name, version in sorted(installed.items()))
    trials = 0

    def attempt(held: frozenset[str]) -> Resolved:
        nonlocal trials
        trials += 1
        required = tuple(f"{name}=={installed[name]}" if name in held else name for name in graph.roots)
        others = tuple(f"{name}=={installed[name]}" for name in sorted(held) if name not in graph.roots)
        return resolve(Resolution(requirements=required, constraints=others, preferences=pins))

    first = attempt(frozenset())
    if first.unavailable:
        return Solution(unavailable=first.unavailable)
    if first.versions is None:
        return Solution(explanation=first.explanation, tried=first.how)
    best = changes_between(installed, first.versions)
    minimal = True
    for change in sorted(best, key=lambda each: (each.package not in graph.roots, each.package)):
        if not change.old or len(best) == 1:
            continue
        if trials >= MOST_TRIALS:
            minimal = False
            break
        moving = {each.package for each in best} - {change.package}
        held = frozenset(installed) - moving
        answer = attempt(held)
        if answer.unavailable:
            minimal = False
            break
        if answer.versions is not None:
            better = changes_between(installed, answer.versions)
            if len(better) < len(best) and all(each.package in moving or not each.old for each in better):
                best = better
    how = say("{how}, {count} resolutions", how=first.how, count=trials)
    return Solution(changes=tuple(best), tried=how, minimal=minimal)


def changes_between(installed: dict[str, str], solved: dict[str, str]) -> list[Change]:
    """What an environment must change to be as solved; a package that is merely not needed any more stays."""
    from packaging.version import InvalidVersion, Version

    def same(one: str, other: str) -> bool:
        try:
            return Version(one) == Version(other)
        except InvalidVersion:
            return one == other

    return [
        Change(name, installed.get(name, ""), version)
        for name, version in sorted(solved.items())
        if name not in installed or not same(installed[name], version)
    ]


def commands(changes: Iterable[Change], python: str, *, uv: bool) -> tuple[str, ...]:
    """The command that makes a change in an environment."""
    import shlex

    pins = [f"{change.package}=={change.new}" for change in changes if change.new]
    if not pins:
        return ()
    head = (
        ["uv", "pip", "install", "--python", python or "python"] if uv else [python or "python", "-m", "pip", "install"]
    )
    return (shlex.join([*head, *pins]),)
