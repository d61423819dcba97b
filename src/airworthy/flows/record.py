"""Which causes cost most: diagnoses kept in SQLite under the state directory, and what they add up to."""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.finding import Finding
from airworthy.core.messages import say
from airworthy.core.redact import redact_text
from airworthy.core.settings import Settings
from airworthy.flows.state import state_directory

FILE = "diagnoses.sqlite3"
"""The database in the state directory."""
SCHEMA = 1
"""The number of the tables' shape, SQLite's `user_version`."""
PATIENCE = 5.0
"""Seconds that another process may hold the database."""

_TABLES = """
CREATE TABLE diagnosis (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    host TEXT NOT NULL,
    source TEXT NOT NULL,
    cause TEXT NOT NULL,
    line TEXT NOT NULL,
    resolved TEXT
);
CREATE INDEX diagnosis_by_cause ON diagnosis (cause, at);
"""


class StateUnusable(AirworthyError):
    """The state directory or its database can't be used."""

    code = "state-unusable"
    message = "{path}: {reason}"
    hint = "choose a directory with [state] directory in airworthy.toml, or AIRWORTHY_STATE_DIRECTORY"


class Cost(msgspec.Struct, frozen=True):
    """What a cause has cost on the machines whose diagnoses are kept."""

    cause: str
    """Its slug."""
    times: int
    """How often it was diagnosed."""
    came_back: int
    """How often it was diagnosed again after it had been resolved."""
    open: int
    """Diagnoses of it that are not resolved."""
    hours: float
    """Hours from each diagnosis to its resolution, or to now where there is none yet, in all."""
    hours_to_repair: float | None
    """Mean hours from diagnosis to resolution; None where none was resolved."""
    first: str
    """When it was first diagnosed, ISO 8601 in UTC."""
    last: str
    """When it was last diagnosed, ISO 8601 in UTC."""


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[sqlite3.Connection]:
    path = state_directory(settings) / FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # Logs tell paths and names: the file is its owner's only, from its first byte.
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA:
                raise StateUnusable(path=path, reason=say("it was written by a newer airworthy"))
            if version == 0:
                for statement in _TABLES.strip().split(";"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise StateUnusable(path=path, reason=str(error)) from None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def record(settings: Settings, source: str, finding: Finding | None, *, host: str = "", at: str = "") -> int | None:
    """Keep a diagnosis; where nothing was found, what is open for the same source counts as resolved.

    Args:
        settings: where it is kept.
        source: the log or the command; a later diagnosis of the same one is compared with it.
        finding: the root cause, or None where nothing is wrong any more.
        host: the machine; this one when empty.
        at: when, ISO 8601 in UTC; now when empty.

    Returns:
        The number of the diagnosis, None where there was nothing to keep.

    Raises:
        StateUnusable: the database can't be used.
    """
    host, at = host or platform.node(), at or _now()
    with _database(settings) as database:
        if finding is None:
            database.execute(
                "UPDATE diagnosis SET resolved = ? WHERE source = ? AND host = ? AND resolved IS NULL",
                (at, source, host),
            )
            return None
        line = redact_text(str(finding.evidence[0].value) if finding.evidence else finding.message)
        # Another cause for the same source: the one before is out of the way.
        database.execute(
            "UPDATE diagnosis SET resolved = ? WHERE source = ? AND host = ? AND cause <> ? AND resolved IS NULL",
            (at, source, host, finding.cause),
        )
        cursor = database.execute(
            "INSERT INTO diagnosis (at, host, source, cause, line) VALUES (?, ?, ?, ?, ?)",
            (at, host, source, finding.cause, line),
        )
        return cursor.lastrowid


def resolve(settings: Settings, cause: str, *, at: str = "") -> int:
    """Say that a cause is out of the way; returns how many open diagnoses of it that closes.

    Raises:
        StateUnusable: the database can't be used.
    """
    with _database(settings) as database:
        return database.execute(
            "UPDATE diagnosis SET resolved = ? WHERE cause = ? AND resolved IS NULL", (at or _now(), cause)
        ).rowcount


def stats(settings: Settings, *, now: str = "") -> tuple[Cost, ...]:
    """What each cause has cost, the dearest first.

    Raises:
        StateUnusable: the database can't be used.
    """
    with _database(settings) as database:
        rows = database.execute("SELECT cause, at, resolved FROM diagnosis ORDER BY at, id").fetchall()
    end = datetime.fromisoformat(now or _now())
    by_cause: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for cause, at, resolved in rows:
        times = (datetime.fromisoformat(at), datetime.fromisoformat(resolved) if resolved else None)
        by_cause.setdefault(cause, []).append(times)
    costs = [_cost(cause, times, end) for cause, times in by_cause.items()]
    return tuple(sorted(costs, key=lambda each: (-each.hours, -each.times, each.cause)))


def _cost(cause: str, times: list[tuple[datetime, datetime | None]], end: datetime) -> Cost:
    # Diagnoses of one failure that was looked at again and again are one outage, from the first to its resolution.
    outages: list[tuple[datetime, datetime | None]] = []
    for at, resolved in times:
        if outages and (outages[-1][1] is None or at < outages[-1][1]):
            last = outages[-1][1]
            outages[-1] = (outages[-1][0], max(last, resolved) if last and resolved else resolved or last)
        else:
            outages.append((at, resolved))
    repairs = [(resolved - at).total_seconds() / 3600 for at, resolved in outages if resolved is not None]
    hours = sum(((resolved or end) - at).total_seconds() / 3600 for at, resolved in outages)
    return Cost(
        cause=cause,
        times=len(times),
        came_back=len(outages) - 1,
        open=sum(resolved is None for _, resolved in times),
        hours=round(max(hours, 0.0), 3),
        hours_to_repair=round(sum(repairs) / len(repairs), 3) if repairs else None,
        first=times[0][0].isoformat(),
        last=times[-1][0].isoformat(),
    )
