"""Packages that stand in one another's place, the frameworks they insist on, and the modules they moved."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, rows


class SharedModule(Row, frozen=True):
    """A library that several distributions bring."""

    name: str
    """Its name, `OpenCV`."""
    module: str
    """The module that they all put in place, `cv2`."""
    distributions: tuple[str, ...]
    """The distributions, normalised."""
    severe: bool
    """Whether two of them side by side don't work, and not only work by chance."""


class FrameworkFloor(Row, frozen=True):
    """The oldest framework that a library works with."""

    library: str
    """The distribution that insists."""
    since: Version
    """The first release seen to insist."""
    framework: str
    """The distribution that it insists on."""
    minimum: Version
    """The oldest release that it works with."""
    format: str
    """The format of weights that it insists for; empty for anything at all."""


class Module(Row, frozen=True):
    """A module that a library has from a release on, or until one."""

    name: str
    """Its name as pickles spell it, `numpy._core`."""
    distribution: str
    """The distribution that has it."""
    since: Version | None = None
    """The first release with it; None for the first of all."""
    until: Version | None = None
    """The first release without it; None while it is there."""


def libraries() -> tuple[SharedModule, ...]:
    """All libraries that several distributions bring."""
    return rows("variants", "library", SharedModule)


def same_module_distributions(distribution: str) -> tuple[str, ...]:
    """The distributions that bring the same module as one does, that one among them; empty for most."""
    return next((row.distributions for row in libraries() if distribution in row.distributions), ())


def floors(library: str, version: Version) -> TableAnswer[tuple[FrameworkFloor, ...]]:
    """What a release of a library insists on, the highest demand for each framework and format.

    The rows have no end, and demands only grow: for a release of a later series they are the newest ones known.
    """
    table: tuple[FrameworkFloor, ...] = rows("framework_floors", "floor", FrameworkFloor)
    own = [row for row in table if row.library == library]
    asked = f"{library} {version}"
    held: dict[tuple[str, str], FrameworkFloor] = {}
    for row in own:
        if row.since <= version:
            key = (row.framework, row.format)
            if key not in held or held[key].minimum < row.minimum:
                held[key] = row
    if not held:
        return unknown(asked, "framework_floors")
    last = max(own, key=lambda row: row.since)
    value = tuple(held.values())
    if (version.major, version.minor) > (last.since.major, last.since.minor):
        return newest_row(value, last, asked, last.since)
    return exact(value, value[0])


def insistent() -> tuple[str, ...]:
    """The distributions that insist on a framework."""
    return tuple(dict.fromkeys(row.library for row in rows("framework_floors", "floor", FrameworkFloor)))


def moved(name: str) -> Module | None:
    """The module that a pickled name lies in, if it is one that was moved: the longest that fits."""
    fitting = [row for row in rows("moved_modules", "module", Module) if f"{name}.".startswith(f"{row.name}.")]
    return max(fitting, key=lambda row: len(row.name), default=None)
