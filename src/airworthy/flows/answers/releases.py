"""The answers of `release`."""

from __future__ import annotations

from typing import Any, Optional

import msgspec

from airworthy.core.report import VerbAnswer
from airworthy.state.releases.manifest import ReleaseManifest


class ReleaseRow(msgspec.Struct, frozen=True):
    """One release in the list."""

    name: str
    """The name."""
    version: int
    """The version."""
    state: str
    """`serving`, `previous` for the one that a roll-back serves, or `kept`."""
    at: str
    """When it was added, ISO 8601 in UTC."""
    principal: str
    """Who added it."""
    format: str
    """Format by content."""
    size: int
    """Bytes of its files."""
    aliases: tuple[str, ...]
    """The aliases that point to it."""
    lacks: tuple[str, ...]
    """What the policy demands and it lacks; it can't be promoted while there is any."""


class ReleaseRollout(msgspec.Struct, frozen=True):
    """A change of which version is served."""

    id: int
    """Its number."""
    kind: str
    """`promote`, `rollback`, `canary` or `shadow`."""
    version: int
    """The version that is to be served."""
    state: str
    """`waiting`, `preparing`, `observing`, `serving`, `passed`, `failed`, `undecided` or `aborted`."""
    at: str
    """When it was requested, ISO 8601 in UTC."""
    principal: str
    """Who requested it."""
    ended: Optional[str]
    """When it ended; null while it is under way."""
    detail: dict[str, Any]
    """What was found: how it was loaded, the comparison, the verdict, or why it failed."""


class ReleaseList(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `release list`, and of the function `release`."""

    releases: tuple[ReleaseRow, ...]
    """The releases, the newest of each name first."""


class ReleaseAdded(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `release add`."""

    added: ReleaseManifest
    """The release."""
    methods: dict[str, int]
    """How its files came into the store, and how many each way: `clone`, `link`, `copy`, or `kept` there before."""
    lacks: tuple[str, ...]
    """What the policy demands and it lacks; it can't be promoted while there is any."""


class ReleaseShown(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `release show`."""

    manifest: ReleaseManifest
    """The release."""
    state: str
    """`serving`, `previous` or `kept`."""
    aliases: tuple[str, ...]
    """The aliases that point to it."""
    lacks: tuple[str, ...]
    """What the policy demands and it lacks."""
    problems: tuple[str, ...]
    """What of its files is not as it was added."""
    verified: bool
    """Whether every byte was read for that; else sizes alone were compared."""
    rollouts: tuple[ReleaseRollout, ...]
    """The latest changes of which version of its name is served, the latest first."""


class ReleaseDifferences(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `release diff`."""

    old: str
    """The first release."""
    new: str
    """The second one."""
    differences: tuple[tuple[str, str, str], ...]
    """What differs, its value in the first and in the second; empty for none."""


class ReleasesCollected(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `release gc`."""

    removed: tuple[str, ...]
    """The releases that went."""
    contents: int
    """Contents of files that no release needs any more."""
    freed: int
    """Bytes of these; a file that has another name outside of the store stays there."""
    dry_run: bool
    """Whether they are only counted."""


class ReleaseAliases(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `release alias`."""

    name: str
    """The name."""
    aliases: dict[str, int]
    """Its aliases, and the version that each points to."""


class RolloutEnded(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `release promote`, `rollback` and `abort`."""

    name: str
    """The name."""
    rollout: ReleaseRollout
    """The change, as it is now."""
    active: Optional[int]
    """The version that is served; null where none was promoted yet."""
    services: tuple[str, ...]
    """The services that serve the name."""
