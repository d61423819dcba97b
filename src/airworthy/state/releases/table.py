"""The releases that are kept, their aliases, and which version of each name is served."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

import msgspec

from airworthy.core.messages import say
from airworthy.state.database import transaction
from airworthy.state.disk import DISK, DiskOperations
from airworthy.state.errors import StateCorrupted
from airworthy.state.releases.errors import UnknownRelease
from airworthy.state.releases.manifest import (
    ReleaseManifest,
    ReleaseReference,
    check_alias,
    check_name,
    load_manifest,
    parse_reference,
)
from airworthy.state.releases.store import ReleaseStore


class Deployment(msgspec.Struct, frozen=True):
    """Which version of a name is served."""

    name: str
    """The name."""
    generation: int
    """Grows by one with every change; a change names the one that it was decided on."""
    active: int
    """The version that is served."""
    previous: Optional[int]
    """The version that a roll-back serves; None where there was no other."""
    at: str
    """When that was last changed, ISO 8601 in UTC."""
    principal: str
    """Who changed it."""


def utc_now() -> str:
    """The time, ISO 8601 in UTC, in milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


class Releases:
    """The releases in one state directory."""

    def __init__(self, directory: Path, disk: DiskOperations = DISK) -> None:
        """Name them; nothing is made.

        Args:
            directory: the state directory.
            disk: the file system.
        """
        self.directory = directory
        self.store = ReleaseStore(directory, disk)
        """Their files."""

    # --- adding ---------------------------------------------------------------------------------------------------

    def add(self, draft: ReleaseManifest, made: Path) -> ReleaseManifest:
        """Add a release whose files are in the store; it is there as a whole, or not at all.

        Args:
            draft: the manifest; its version is chosen here, and none is used twice.
            made: its folder, as `ReleaseStore.build` gave it.

        Returns:
            The manifest as it is kept.

        Raises:
            StateUnusable: the database can't be used.
            OSError: there is no room.
        """
        check_name(draft.name)
        with transaction(self.directory) as database:
            row = database.execute("SELECT max(version) FROM release WHERE name = ?", (draft.name,)).fetchone()
            kept = msgspec.structs.replace(draft, version=(row[0] or 0) + 1)
            text = msgspec.json.encode(kept).decode()
            database.execute(
                "INSERT INTO release VALUES (?, ?, ?, ?, ?, NULL)",
                (kept.name, kept.version, kept.at, kept.principal, text),
            )
            # Before the commit: a row without its folder would be a release that can't be served.
            self.store.name_tree(made, kept.version)
        return kept

    # --- reading ---------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Names that have a release."""
        with transaction(self.directory, write=False) as database:
            rows = database.execute("SELECT DISTINCT name FROM release WHERE removed IS NULL ORDER BY name")
            return [row[0] for row in rows]

    def manifests(self, name: str = "") -> list[ReleaseManifest]:
        """The releases of a name, or all, the newest of each name first."""
        query = "SELECT name, version, manifest FROM release WHERE removed IS NULL AND (name = ? OR ? = '')"
        with transaction(self.directory, write=False) as database:
            rows = database.execute(f"{query} ORDER BY name, version DESC", (name, name)).fetchall()
        return [self._load(*row) for row in rows]

    def manifest(self, name: str, version: int) -> ReleaseManifest:
        """One release.

        Raises:
            UnknownRelease: it is not kept here.
            StateCorrupted: its manifest is damaged.
        """
        with transaction(self.directory, write=False) as database:
            row = database.execute(
                "SELECT manifest FROM release WHERE name = ? AND version = ? AND removed IS NULL", (name, version)
            ).fetchone()
        if row is None:
            raise self._unknown(name, f"{name}@{version}")
        return self._load(name, version, row[0])

    def find(self, reference: ReleaseReference | str) -> ReleaseManifest:
        """The release that a reference names: a name alone is the version that is served, else the newest.

        Raises:
            BadReleaseName: it is not written as a reference.
            UnknownRelease: there is no such release.
        """
        wanted = parse_reference(reference) if isinstance(reference, str) else reference
        if wanted.version:
            return self.manifest(wanted.name, wanted.version)
        if wanted.alias:
            version = self.aliases(wanted.name).get(wanted.alias)
            if version is None:
                raise self._unknown(wanted.name, f"{wanted.name}@{wanted.alias}")
            return self.manifest(wanted.name, version)
        deployed = self.deployment(wanted.name)
        if deployed is not None:
            return self.manifest(wanted.name, deployed.active)
        kept = self.manifests(wanted.name)
        if not kept:
            raise self._unknown(wanted.name, wanted.name)
        return kept[0]

    def deployment(self, name: str) -> Deployment | None:
        """Which version of a name is served; None where none was promoted yet."""
        with transaction(self.directory, write=False) as database:
            return deployment_of(database, name)

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of a name."""
        with transaction(self.directory, write=False) as database:
            rows = database.execute("SELECT alias, version FROM release_alias WHERE name = ? ORDER BY alias", (name,))
            return dict(rows.fetchall())

    def _load(self, name: str, version: int, text: str) -> ReleaseManifest:
        try:
            manifest = load_manifest(text)
            if (manifest.name, manifest.version) != (name, version):
                raise ValueError(say("it is of {title}", title=manifest.title))
        except ValueError as error:
            reason = say("the manifest of {name}@{version}: {error}", name=name, version=version, error=error)
            raise StateCorrupted(path=self.directory, reason=reason) from None
        return manifest

    def _unknown(self, name: str, wanted: str) -> UnknownRelease:
        kept = [manifest.title for manifest in self.manifests(name)]
        if kept:
            return UnknownRelease(name=wanted, suggestion=say("releases of it: {kept}", kept=kept[:10]))
        names = self.names()
        if names:
            return UnknownRelease(name=wanted, suggestion=say("names that have releases: {names}", names=names[:20]))
        return UnknownRelease(name=wanted, suggestion=say("add one with `airworthy release add MODEL --as NAME`"))

    # --- changing --------------------------------------------------------------------------------------------------

    def set_alias(self, name: str, alias: str, version: int | None, principal: str) -> None:
        """Point an alias at a version, or take it away.

        Args:
            name: the name.
            alias: the alias.
            version: the version; None to take it away.
            principal: who does it.

        Raises:
            BadReleaseName: it is no alias.
            UnknownRelease: there is no such version, or no such alias to take away.
        """
        check_alias(alias)
        if version is not None:
            self.manifest(name, version)
        with transaction(self.directory) as database:
            if version is not None:
                row = (name, alias, version, utc_now(), principal)
                database.execute("INSERT OR REPLACE INTO release_alias VALUES (?, ?, ?, ?, ?)", row)
                return
            gone = database.execute("DELETE FROM release_alias WHERE name = ? AND alias = ?", (name, alias)).rowcount
        if not gone:
            raise self._unknown(name, f"{name}@{alias}")

    def remove_old(self, keep: int, *, dry_run: bool = False) -> list[str]:
        """Take away all but the newest versions of each name, and those that are served, kept for a roll-back or named.

        Args:
            keep: versions of each name that stay at least.
            dry_run: whether they are only named.

        Returns:
            `NAME@VERSION` of those that went.
        """
        gone = []
        with transaction(self.directory) as database:
            needed = _needed(database)
            rows = database.execute(
                "SELECT name, version FROM release WHERE removed IS NULL ORDER BY name, version DESC"
            )
            place: dict[str, int] = {}
            for name, version in rows.fetchall():
                place[name] = place.get(name, 0) + 1
                if place[name] <= keep or (name, version) in needed:
                    continue
                gone.append(f"{name}@{version}")
                if not dry_run:
                    database.execute(
                        "UPDATE release SET removed = ? WHERE name = ? AND version = ?", (utc_now(), name, version)
                    )
        return gone

    def collect(self, *, dry_run: bool = False, without: Sequence[str] = ()) -> tuple[int, int]:
        """Remove contents that no release needs; as `ReleaseStore.collect`.

        Args:
            dry_run: whether they are only counted.
            without: `NAME@VERSION` of releases that are counted as gone already.
        """
        with self.store.locked(exclusive=True):
            live = [manifest for manifest in self.manifests() if manifest.title not in without]
            return self.store.collect(live, dry_run=dry_run)


def deployment_of(database: sqlite3.Connection, name: str) -> Deployment | None:
    """Which version of a name is served, within a transaction."""
    row = database.execute(
        "SELECT name, generation, active, previous, at, principal FROM deployment WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else Deployment(*row)


def _needed(database: sqlite3.Connection) -> set[tuple[str, int]]:
    rows = database.execute(
        "SELECT name, active FROM deployment UNION SELECT name, previous FROM deployment WHERE previous IS NOT NULL"
        " UNION SELECT name, version FROM release_alias UNION SELECT name, version FROM rollout WHERE ended IS NULL"
    )
    return set(rows.fetchall())
