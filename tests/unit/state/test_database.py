"""The state database: made, migrated, shared by processes, and refused with a reason."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from airworthy.state import database
from airworthy.state.database import APPLICATION, FILE, connect, transaction
from airworthy.state.errors import MigrationFailed, StateBusy, StateCorrupted, StateTooNew, StateUnusable
from airworthy.state.migrations import MIGRATIONS, Migration

PROCESSES = 6
RECORD = """
import sys
from pathlib import Path
from airworthy.state.database import transaction
sys.stdin.read(1)
for number in range(20):
    with transaction(Path(sys.argv[1])) as database:
        database.execute(
            "INSERT INTO diagnosis (at, host, source, cause, line) VALUES ('', '', ?, 'c', '')", (sys.argv[2],)
        )
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_second_connection_leaves_the_locks_of_the_first(directory: Path) -> None:
    """A process that opens a file and closes it again loses its locks on it, whichever thread took them."""
    with contextlib.closing(connect(directory)) as first:
        first.execute("SELECT count(*) FROM profile").fetchall()
        connect(directory).close()
        # Another process removes the log when it closes the last connection that it knows of.
        read = f"import sqlite3; sqlite3.connect({str(directory / FILE)!r}).execute('SELECT * FROM profile').close()"
        subprocess.run([sys.executable, "-c", read], check=True)
        assert (directory / f"{FILE}-wal").exists()


def numbers(directory: Path) -> tuple[int, int, str]:
    with contextlib.closing(sqlite3.connect(directory / FILE)) as opened:
        return (
            opened.execute("PRAGMA application_id").fetchone()[0],
            opened.execute("PRAGMA user_version").fetchone()[0],
            opened.execute("PRAGMA journal_mode").fetchone()[0],
        )


def made_by_hand(directory: Path, *statements: str) -> None:
    directory.mkdir()
    with contextlib.closing(sqlite3.connect(directory / FILE)) as opened:
        opened.executescript(";".join(statements))


def test_the_first_opening_makes_it(directory: Path) -> None:
    connect(directory).close()
    assert numbers(directory) == (APPLICATION, len(MIGRATIONS), "wal")
    assert directory.stat().st_mode & 0o077 == 0
    with contextlib.closing(connect(directory)):
        # Those that SQLite makes beside it while it is open as well.
        assert {path.stat().st_mode & 0o077 for path in directory.iterdir()} == {0}


def test_a_transaction_is_whole_or_not_at_all(directory: Path) -> None:
    """And a mistake in a statement of ours is not reported as a bad database."""
    with pytest.raises(sqlite3.IntegrityError), transaction(directory) as opened:
        opened.executemany("INSERT INTO profile VALUES (?, ?, '')", [("k", ""), ("l", None)])
    with transaction(directory, write=False) as opened:
        assert opened.execute("SELECT count(*) FROM profile").fetchone() == (0,)


@pytest.mark.slow
def test_processes_that_open_it_for_the_first_time_at_once(directory: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", RECORD, str(directory), str(number)], stdin=subprocess.PIPE)
        for number in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0] * PROCESSES
    with transaction(directory, write=False) as opened:
        rows = opened.execute("SELECT source, count(*) FROM diagnosis GROUP BY source").fetchall()
    assert sorted(rows) == [(str(number), 20) for number in range(PROCESSES)]
    assert numbers(directory) == (APPLICATION, len(MIGRATIONS), "wal")


def test_a_busy_database_is_waited_for_and_then_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with transaction(directory), pytest.raises(StateBusy, match=str(directory / FILE)), transaction(directory):
        pass
    with transaction(directory), transaction(directory, write=False) as reader:
        assert reader.execute("SELECT count(*) FROM profile").fetchone() == (0,)


def test_the_switch_to_wal_is_tried_until_the_time_limit(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    made_by_hand(directory, "CREATE TABLE t (x)")
    with contextlib.closing(sqlite3.connect(directory / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateBusy):
            connect(directory)


def test_a_newer_one_is_refused(directory: Path) -> None:
    connect(directory).close()
    with contextlib.closing(sqlite3.connect(directory / FILE)) as opened:
        opened.execute("PRAGMA user_version = 99")
    with pytest.raises(StateTooNew) as caught:
        connect(directory)
    assert caught.value.text == (
        f"{directory / FILE} was written by a newer airworthy: its schema is 99, this release reads up to "
        f"{len(MIGRATIONS)}"
    )
    assert "upgrade" in caught.value.way_out
    assert numbers(directory)[1] == 99


def test_the_database_of_another_program_is_refused(directory: Path) -> None:
    made_by_hand(directory, "CREATE TABLE theirs (x)")
    with pytest.raises(StateUnusable, match="another program"):
        connect(directory)
    with contextlib.closing(sqlite3.connect(directory / FILE)) as opened:
        assert opened.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_file_that_is_no_database(directory: Path) -> None:
    directory.mkdir()
    (directory / FILE).write_bytes(b"this is no database, whatever it is called" * 100)
    with pytest.raises(StateCorrupted) as caught:
        connect(directory)
    assert str(directory / FILE) in caught.value.text
    assert "move it aside" in caught.value.way_out
    # The way out is one.
    (directory / FILE).rename(directory / "broken")
    connect(directory).close()


def test_damaged_pages(directory: Path) -> None:
    with transaction(directory) as opened:
        opened.executemany("INSERT INTO profile VALUES (?, '', ?)", [(str(n), "x" * 3000) for n in range(50)])
    with contextlib.closing(connect(directory)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (directory / FILE).open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StateCorrupted), transaction(directory, write=False) as opened:
        opened.execute("SELECT * FROM profile").fetchall()


def test_a_truncated_file(directory: Path) -> None:
    connect(directory).close()
    os.truncate(directory / FILE, 5000)
    with pytest.raises(StateCorrupted), transaction(directory, write=False) as opened:
        opened.execute("SELECT * FROM profile").fetchall()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateUnusable, match="Not a directory"):
        connect(tmp_path / "file" / "x")


def test_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    directory.mkdir()
    (directory / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnusable, match="symbolic link"):
        connect(directory)
    assert not (tmp_path / "elsewhere").exists()


def _adds(table: str) -> Migration:
    def step(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"CREATE TABLE {table} (x)")

    return Migration(table, step)


def test_steps_are_taken_in_order_and_once(directory: Path) -> None:
    taken: list[int] = []
    steps = [Migration(str(n), lambda _, __, n=n: taken.append(n)) for n in range(3)]
    connect(directory, migrations=steps[:2]).close()
    connect(directory, migrations=steps).close()
    connect(directory, migrations=steps).close()
    assert taken == [0, 1, 2]
    assert numbers(directory)[1] == 3


@pytest.mark.parametrize("error", [sqlite3.OperationalError("no such column: y"), KeyError("k"), OSError("gone")])
def test_a_failed_step_leaves_the_schema_before_it(directory: Path, error: Exception) -> None:
    def fails(connection: sqlite3.Connection, _: Path) -> None:
        connection.execute("CREATE TABLE half (x)")
        connection.execute("DROP TABLE first")
        raise error

    connect(directory, migrations=[_adds("first")]).close()
    with pytest.raises(MigrationFailed, match=r"from schema 2 to 3: breaks: ") as caught:
        connect(directory, migrations=[_adds("first"), _adds("second"), Migration("breaks", fails)])
    assert str(directory / FILE) in caught.value.text
    with contextlib.closing(connect(directory, migrations=[_adds("first"), _adds("second")])) as opened:
        tables = opened.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    assert tables == [("first",), ("second",)]


def test_a_process_killed_in_a_step_leaves_the_schema_before_it(directory: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from airworthy.state.database import connect
from airworthy.state.migrations import Migration
def dies(connection, _):
    connection.execute("CREATE TABLE half (x)")
    os._exit(9)
connect(Path(sys.argv[1]), migrations=[Migration("dies", dies)])
"""
    assert subprocess.run([sys.executable, "-c", code, str(directory)], check=False, timeout=60).returncode == 9
    connect(directory, migrations=[_adds("half")]).close()
    assert numbers(directory)[1] == 1
