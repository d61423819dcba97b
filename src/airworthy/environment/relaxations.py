"""Requirements that have no solution: the smallest set that contradicts, and the nearest changes that solve it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

MOST_TRIALS = 60
"""Resolutions that are made to find the set and its relaxations."""


class Relaxation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change to one requirement that was resolved, and solves the whole."""

    requirement: str
    """The requirement as it is given, `numpy<2`."""
    instead: str
    """What to write in its place, `numpy`; empty where it has to go."""
    version: str = ""
    """The version that came of it."""


class Contradiction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a set of requirements has no solution."""

    explanation: str
    """The resolver's derivation."""
    smallest: tuple[str, ...] = ()
    """The given requirements of which none can be left out: together they have no solution."""
    complete: bool = True
    """Whether every requirement in the set was tried; not where the limit of trials came first."""
    relaxations: tuple[Relaxation, ...] = ()
    """Changes to one requirement each, all of them tried."""


Attempt = Callable[[Sequence[str]], "dict[str, str] | None"]
"""Resolves requirements: the version of each package, or None where there is no solution."""


def contradiction(
    requirements: Sequence[str], explanation: str, attempt: Attempt, stop: Callable[[], bool] = lambda: False
) -> Contradiction:
    """Find the smallest contradicting set and what solves it.

    Args:
        requirements: what has no solution.
        explanation: the resolver's words for it.
        attempt: resolves a part of it.
        stop: whether the time is over.
    """
    trials = 0

    def solves(wanted: Sequence[str]) -> dict[str, str] | None:
        nonlocal trials
        trials += 1
        return attempt(wanted)

    left = list(requirements)
    complete = True
    # Halves first: most requirements have nothing to do with it.
    size = len(left) // 2
    while size >= 1:
        start = 0
        while start < len(left) and len(left) > 1:
            if trials >= MOST_TRIALS // 2 or stop():
                complete = False
                break
            without = left[:start] + left[start + size :]
            if without and solves(without) is None:
                left = without
            else:
                start += size
        size //= 2
    found = []
    for requirement in left:
        if trials >= MOST_TRIALS or stop():
            complete = False
            break
        name = re.match(r"\s*[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?", requirement)
        marker = requirement.partition(";")[2]
        bare = (name.group().strip() if name else "") + (f";{marker}" if marker else "")
        others = [each for each in requirements if each != requirement]
        versions = solves([*others, bare]) if bare and bare != requirement.strip() else None
        if versions is not None and name is not None:
            plain = re.sub(r"[-_.]+", "-", name.group().partition("[")[0].strip()).lower()
            found.append(Relaxation(requirement, bare, versions.get(plain, "")))
        elif others and solves(others) is not None:
            found.append(Relaxation(requirement, ""))
    found.sort(key=lambda each: not each.instead)
    return Contradiction(explanation=explanation, smallest=tuple(left), complete=complete, relaxations=tuple(found))
