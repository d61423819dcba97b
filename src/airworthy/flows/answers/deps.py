"""The answer of `deps`."""

from __future__ import annotations

from typing import Literal, Optional

import msgspec

from airworthy.core.packages import Library, RecordsChecked
from airworthy.core.report import VerbAnswer
from airworthy.environment.changes import Solution
from airworthy.environment.conflicts import Conflict
from airworthy.environment.reasons import TreeRow


class Origin(msgspec.Struct, frozen=True):
    """A package that came from elsewhere than an index."""

    package: str
    """Its name."""
    version: str
    """Its version."""
    url: str
    """The address or folder that it came from."""
    editable: bool
    """Whether it is imported from its source tree."""


class HiddenPackage(msgspec.Struct, frozen=True):
    """A description by a name that another one has, which is imported in its place."""

    package: str
    """Its name."""
    version: str
    """Its version."""
    path: str
    """Its folder."""
    used: str
    """The version that is imported."""


class DepsAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `deps`."""

    verdict: Literal["works", "fails", "unknown"]
    """`fails` with an error among the findings, `unknown` where something could not be read, else `works`."""
    python: str
    """The interpreter's version."""
    prefix: str
    """The environment's directory."""
    packages: int
    """How many packages are installed."""
    roots: tuple[str, ...]
    """Packages that a user asked for, or that no other one requires."""
    installers: dict[str, int]
    """What installed them, and how many each; an empty name where nothing says so."""
    conflicts: tuple[Conflict, ...] = ()
    """Requirements that are not satisfied, with the chains from a root to both sides."""
    solution: Optional[Solution] = None
    """The smallest change that ends the conflicts."""
    why: Optional[tuple[TreeRow, ...]] = None
    """The tree of packages that require one, with `--why`."""
    origins: tuple[Origin, ...] = ()
    """Packages that came from elsewhere than an index."""
    hidden: tuple[HiddenPackage, ...] = ()
    """Descriptions that another one by the same name takes the place of."""
    records: Optional[RecordsChecked] = None
    """What came of comparing each file with its record, with `--files`."""
    libraries: Optional[tuple[Library, ...]] = None
    """The native libraries of packages, with `--native`."""
    drivers: Optional[dict[str, str]] = None
    """What stands above them, with `--native`: drivers, toolkits and chips by what they are."""
