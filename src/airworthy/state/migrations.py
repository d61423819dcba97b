"""The steps of the schema, in order: step N brings a database from `user_version` N - 1 to N. Append only.

The first releases kept diagnoses in a database of their own and profiles in files; the steps that make the tables carry
both over. The old files are read and left as they are, so that the release that wrote them still finds them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, Optional

import msgspec

from airworthy.core.messages import say
from airworthy.state.errors import StateCorrupted, StateUnusable
from airworthy.state.files import read_private

OLD_DIAGNOSES = "diagnoses.sqlite3"
"""Where the first releases kept diagnoses."""
OLD_PROFILES = "profiles"
"""The folder in which the first releases kept profiles, a file each."""
MAX_OLD_PROFILES = 1000
"""Files of that folder that are read."""
MAX_PROFILE_BYTES = 64 * 1024
"""Bytes of such a file that are read."""


class Migration(NamedTuple):
    """One step of the schema."""

    name: str
    """What it brings, for messages."""
    apply: Callable[[sqlite3.Connection, Path], None]
    """Takes it, within a transaction: the connection, and the state directory."""


def _diagnoses(connection: sqlite3.Connection, directory: Path) -> None:
    connection.execute(
        "CREATE TABLE diagnosis (id INTEGER PRIMARY KEY, at TEXT NOT NULL, host TEXT NOT NULL, source TEXT NOT NULL,"
        " cause TEXT NOT NULL, line TEXT NOT NULL, resolved TEXT)"
    )
    connection.execute("CREATE INDEX diagnosis_by_cause ON diagnosis (cause, at)")
    connection.executemany("INSERT INTO diagnosis VALUES (?, ?, ?, ?, ?, ?, ?)", _old_diagnoses(directory))


def _old_diagnoses(directory: Path) -> list[tuple[object, ...]]:
    path = directory / OLD_DIAGNOSES
    if not path.is_file():
        return []
    try:
        # To read what a process that was killed left in the log beside it, SQLite has to write.
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=5.0, uri=True)) as old:
            version = old.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                return []  # the process that made it was killed before its first table
            if version != 1:
                raise StateUnusable(path=path, reason=say("its schema {version} is of no release", version=version))
            return old.execute("SELECT id, at, host, source, cause, line, resolved FROM diagnosis").fetchall()
    except sqlite3.OperationalError as error:
        raise StateUnusable(path=path, reason=str(error)) from None
    except sqlite3.DatabaseError as error:
        raise StateCorrupted(path=path, reason=str(error)) from None


def _profiles(connection: sqlite3.Connection, directory: Path) -> None:
    connection.execute("CREATE TABLE profile (key TEXT PRIMARY KEY, at TEXT NOT NULL, value TEXT NOT NULL)")
    connection.executemany("INSERT INTO profile VALUES (?, ?, ?)", _old_profiles(directory))


class _OldProfile(msgspec.Struct):
    lanes: int
    batch: int
    points: Optional[list[tuple[float, float]]] = None
    fixed: Optional[float] = None
    each: Optional[float] = None


def _old_profiles(directory: Path) -> list[tuple[str, str, str]]:
    """Profiles of the first releases; one that can't be read is left out, and found anew by the next start."""
    rows = []
    for path in sorted((directory / OLD_PROFILES).glob("*.json"))[:MAX_OLD_PROFILES]:
        try:
            at = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
            old = msgspec.json.decode(read_private(path, MAX_PROFILE_BYTES), type=_OldProfile)
        except (OSError, ValueError):
            continue
        points = old.points
        if points is None and old.fixed is not None and old.each is not None:
            # The first shape was a line: what a run costs for being one, and for each unit of its work.
            points = [(work, old.fixed + old.each * work) for work in (1.0, float(max(2, old.batch)))]
        if points:
            value = {"lanes": old.lanes, "batch": old.batch, "points": points}
            rows.append((path.stem, at, msgspec.json.encode(value).decode()))
    return rows


def _releases(connection: sqlite3.Connection, directory: Path) -> None:
    del directory
    connection.execute(
        "CREATE TABLE release (name TEXT NOT NULL, version INTEGER NOT NULL, at TEXT NOT NULL, principal TEXT NOT NULL,"
        " manifest TEXT NOT NULL, removed TEXT, PRIMARY KEY (name, version))"
    )
    connection.execute(
        "CREATE TABLE release_alias (name TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,"
        " at TEXT NOT NULL, principal TEXT NOT NULL, PRIMARY KEY (name, alias))"
    )
    connection.execute(
        "CREATE TABLE deployment (name TEXT PRIMARY KEY, generation INTEGER NOT NULL, active INTEGER NOT NULL,"
        " previous INTEGER, at TEXT NOT NULL, principal TEXT NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE rollout (id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,"
        " version INTEGER NOT NULL, options TEXT NOT NULL, at TEXT NOT NULL, principal TEXT NOT NULL,"
        " state TEXT NOT NULL, service TEXT NOT NULL, detail TEXT NOT NULL, ended TEXT)"
    )
    # Two administrators at once: the second finds the first one's row.
    connection.execute("CREATE UNIQUE INDEX rollout_open ON rollout (name) WHERE ended IS NULL")


MIGRATIONS = (
    Migration("diagnoses", _diagnoses),
    Migration("profiles", _profiles),
    Migration("releases", _releases),
)
"""All steps."""
