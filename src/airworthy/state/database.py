"""The state database: one SQLite file in WAL mode, whose schema the first process to open it brings up to date."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from airworthy.core.messages import say
from airworthy.state.errors import MigrationFailed, StateBusy, StateCorrupted, StateTooNew, StateUnusable
from airworthy.state.files import private_directory, private_file
from airworthy.state.migrations import MIGRATIONS, Migration

FILE = "state.sqlite3"
"""The database in the state directory."""
APPLICATION = 0x41495257
"""SQLite's `application_id` of our databases: `AIRW`."""
BUSY_TIMEOUT_S = 5.0
"""Seconds that another process may hold the database."""
_RETRY_INTERVAL_S = 0.01


@contextlib.contextmanager
def transaction(
    directory: Path, *, write: bool = True, migrations: Sequence[Migration] = MIGRATIONS
) -> Iterator[sqlite3.Connection]:
    """A transaction on the state database: committed where the block ends, rolled back where it raises.

    Args:
        directory: the state directory.
        write: whether it may write; it then waits until no other process does.
        migrations: the steps of the schema.

    Raises:
        StateUnusable: the database can't be used; a subclass says why where that is known.
    """
    with (
        contextlib.closing(connect(directory, migrations=migrations)) as connection,
        _translated(directory / FILE),
        _transaction(connection, write=write),
    ):
        yield connection


def connect(directory: Path, *, migrations: Sequence[Migration] = MIGRATIONS) -> sqlite3.Connection:
    """A connection to the state database, made and migrated where that is due. The caller begins and commits.

    Args:
        directory: the state directory; made where there is none.
        migrations: the steps of the schema.

    Raises:
        StateTooNew: a newer release wrote it.
        StateCorrupted: it is damaged, or no database.
        StateBusy: another process held it for longer than the time limit.
        MigrationFailed: a step of the schema could not be taken.
        StateUnusable: it can't be opened or made.
    """
    path = directory / FILE
    with _translated(path):
        private_directory(directory)
        private_file(path)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            _configure(connection)
            if _numbers(connection) != (APPLICATION, len(migrations)):
                _migrate(connection, path, migrations)
        except BaseException:
            connection.close()
            raise
        return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    # In WAL mode anything less may lose the last commits with the power.
    connection.execute("PRAGMA synchronous = FULL")
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    # SQLite does not wait for the exclusive lock of this switch, and several processes may begin at once.
    while not _has_log(connection, last=time.monotonic() > deadline):
        time.sleep(_RETRY_INTERVAL_S)


def _has_log(connection: sqlite3.Connection, *, last: bool) -> bool:
    """Switch to WAL mode; whether no other process was in the way."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return True
    try:
        # A file system without shared memory keeps its rollback journal, which is as safe.
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    except sqlite3.OperationalError as error:
        if last or not _is_busy(error):
            raise
        return False
    return True


def _numbers(connection: sqlite3.Connection) -> tuple[int, int]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    return application, connection.execute("PRAGMA user_version").fetchone()[0]


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """Take the steps that are due, each in a transaction of its own."""
    version = -1
    while version < len(migrations):
        with _transaction(connection, write=True):
            # Read again under the lock: another process may have taken the step meanwhile.
            application, version = _numbers(connection)
            if version > len(migrations):
                raise StateTooNew(path=path, found=version, known=len(migrations))
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if application != APPLICATION and (application or version or tables):
                raise StateUnusable(path=path, reason=say("it is the database of another program"))
            if version == len(migrations):
                return
            step = migrations[version]
            try:
                step.apply(connection, path.parent)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            except StateUnusable:
                raise
            except Exception as error:
                why = say("{step}: {error}", step=step.name, error=error)
                raise MigrationFailed(path=path, before=version, after=version + 1, reason=why) from error


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, *, write: bool) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Errors of SQLite and the system as ours; those of our own statements stay internal errors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _is_busy(error):
            raise StateBusy(path=path, seconds=BUSY_TIMEOUT_S) from None
        raise StateUnusable(path=path, reason=str(error)) from None
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        raise StateCorrupted(path=path, reason=str(error)) from None
    except OSError as error:
        raise StateUnusable(path=path, reason=error.strerror or str(error)) from None


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return "locked" in str(error) or "busy" in str(error)
