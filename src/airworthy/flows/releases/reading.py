"""Listing, showing, comparing and cleaning up releases, and their aliases."""

from __future__ import annotations

from airworthy.core.errors import AirworthyError
from airworthy.core.settings import Settings
from airworthy.flows.answers.releases import (
    ReleaseAliases,
    ReleaseDifferences,
    ReleaseList,
    ReleaseRollout,
    ReleaseRow,
    ReleasesCollected,
    ReleaseShown,
)
from airworthy.state.directory import state_directory
from airworthy.state.operations import local_principal, operation
from airworthy.state.releases import rollouts
from airworthy.state.releases.manifest import ReleaseManifest, check_name, differences
from airworthy.state.releases.policy import shortfalls
from airworthy.state.releases.rollouts import Rollout
from airworthy.state.releases.table import Deployment, Releases


class AliasUnreadable(AirworthyError):
    """An alias that is not written as one."""

    code = "alias-unreadable"
    message = "{text!r} points no alias at a version"
    hint = "write ALIAS=VERSION, `champion=3`; `champion=` takes it away"


def release(name: str = "", *, settings: Settings | None = None) -> ReleaseList:
    """List the releases of a name, or all.

    Args:
        name: the name; empty for all.
        settings: the policy, and where the state is.

    Raises:
        UnknownRelease: the name has none.
        StateUnusable: the state directory can't be used.
    """
    settings = settings or Settings()
    releases = Releases(state_directory(settings))
    if name:
        check_name(name)
        releases.find(name)
    found = releases.manifests(name)
    names = {manifest.name for manifest in found}
    deployed = {each: releases.deployment(each) for each in names}
    aliases = {each: releases.aliases(each) for each in names}
    rows = tuple(_row(each, deployed[each.name], aliases[each.name], settings) for each in found)
    return ReleaseList(releases=rows)


def _row(
    manifest: ReleaseManifest, deployed: Deployment | None, aliases: dict[str, int], settings: Settings
) -> ReleaseRow:
    return ReleaseRow(
        name=manifest.name,
        version=manifest.version,
        state=_state(manifest.version, deployed),
        at=manifest.at,
        principal=manifest.principal,
        format=manifest.inspection.format,
        size=manifest.size,
        aliases=_named(manifest.version, aliases),
        lacks=tuple(shortfalls(manifest, settings.release).values()),
    )


def _state(version: int, deployed: Deployment | None) -> str:
    if deployed is None:
        return "kept"
    return "serving" if version == deployed.active else "previous" if version == deployed.previous else "kept"


def _named(version: int, aliases: dict[str, int]) -> tuple[str, ...]:
    return tuple(alias for alias, target in aliases.items() if target == version)


def show(reference: str, *, verify: bool = False, settings: Settings | None = None) -> ReleaseShown:
    """Show a release.

    Args:
        reference: `NAME`, `NAME@VERSION` or `NAME@ALIAS`.
        verify: whether every byte of its files is read and compared.
        settings: the policy, and where the state is.

    Raises:
        UnknownRelease: there is no such release.
    """
    settings = settings or Settings()
    releases = Releases(state_directory(settings))
    manifest = releases.find(reference)
    return ReleaseShown(
        manifest=manifest,
        state=_state(manifest.version, releases.deployment(manifest.name)),
        aliases=_named(manifest.version, releases.aliases(manifest.name)),
        lacks=tuple(shortfalls(manifest, settings.release).values()),
        problems=tuple(releases.store.problems(manifest, deep=verify)),
        verified=verify,
        rollouts=tuple(shown(each) for each in rollouts.history(releases.directory, manifest.name)),
    )


def shown(rollout: Rollout) -> ReleaseRollout:
    """A rollout as answers have it."""
    return ReleaseRollout(
        id=rollout.id,
        kind=rollout.kind,
        version=rollout.version,
        state=rollout.state,
        at=rollout.at,
        principal=rollout.principal,
        ended=rollout.ended,
        detail=rollout.detail,
    )


def diff(old: str, new: str, *, settings: Settings | None = None) -> ReleaseDifferences:
    """Compare two releases.

    Args:
        old: the first, as `NAME@VERSION`.
        new: the second.
        settings: where the state is.

    Raises:
        UnknownRelease: there is no such release.
    """
    releases = Releases(state_directory(settings or Settings()))
    first, second = releases.find(old), releases.find(new)
    return ReleaseDifferences(old=first.title, new=second.title, differences=tuple(differences(first, second)))


def collect(
    *, keep: int | None = None, dry_run: bool = False, settings: Settings | None = None, principal: str = ""
) -> ReleasesCollected:
    """Remove what is not needed: old releases where that is requested, and contents that no release names.

    A version that is served, that a roll-back would serve, that is being brought into service or has an alias, stays.

    Args:
        keep: versions of each name that stay; None for all.
        dry_run: whether it is only counted.
        settings: where the state is.
        principal: who does it; the user of this process by default.
    """
    releases = Releases(state_directory(settings or Settings()))
    principal = principal or local_principal()
    with operation(releases.directory, "release.gc", "", principal, dry_run=dry_run) as known:
        removed = [] if keep is None else releases.remove_old(keep, dry_run=dry_run)
        contents, freed = releases.collect(dry_run=dry_run, without=removed if dry_run else ())
        known.update(removed=removed, contents=contents)
    return ReleasesCollected(removed=tuple(removed), contents=contents, freed=freed, dry_run=dry_run)


def alias(name: str, change: str = "", *, settings: Settings | None = None, principal: str = "") -> ReleaseAliases:
    """List the aliases of a name, or change one.

    Args:
        name: the name.
        change: `ALIAS=VERSION` points it there, `ALIAS=` takes it away; empty changes nothing.
        settings: where the state is.
        principal: who does it; the user of this process by default.

    Raises:
        AliasUnreadable: the change is not written so.
        UnknownRelease: there is no such name, version or alias.
    """
    releases = Releases(state_directory(settings or Settings()))
    releases.find(name)
    if change:
        which, separator, version = change.partition("=")
        if not separator or (version and not version.isdigit()):
            raise AliasUnreadable(text=change)
        principal = principal or local_principal()
        with operation(releases.directory, "release.alias", name, principal, change=change):
            releases.set_alias(name, which, int(version) if version else None, principal)
    return ReleaseAliases(name=name, aliases=releases.aliases(name))
