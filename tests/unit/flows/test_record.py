"""What causes cost: recorded, resolved, added up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from airworthy.core.finding import Confidence, Evidence, Finding, Severity
from airworthy.core.settings import Settings, StateSettings
from airworthy.flows import record as records
from airworthy.flows.record import StateUnusable, record, resolve, stats


def found(cause: str, line: str = "boom") -> Finding:
    return Finding(
        cause=cause,
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        subject="",
        message="m",
        params={},
        evidence=(Evidence(line=1, value=line),),
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=StateSettings(directory=str(tmp_path / "state")))


def at(hour: int, day: int = 20) -> str:
    return f"2026-11-{day}T{hour:02}:00:00+00:00"


def test_nothing_recorded(settings: Settings) -> None:
    assert stats(settings) == ()


def test_costs(settings: Settings) -> None:
    record(settings, "/a.log", found("disk-full"), host="h", at=at(1))
    record(settings, "/a.log", found("disk-full"), host="h", at=at(2))  # the same outage, looked at again
    record(settings, "/a.log", None, host="h", at=at(5))
    record(settings, "/a.log", found("disk-full"), host="h", at=at(10))  # it came back
    record(settings, "serve", found("port-in-use"), host="h", at=at(11))
    record(settings, "serve", None, host="h", at=at(12))
    dear, cheap = stats(settings, now=at(16))
    assert (dear.cause, dear.times, dear.came_back, dear.open) == ("disk-full", 3, 1, 1)
    assert dear.hours == 4 + 6
    assert dear.hours_to_repair == 4
    assert (cheap.cause, cheap.hours, cheap.hours_to_repair, cheap.open) == ("port-in-use", 1, 1, 0)


def test_another_cause_for_the_same_source_ends_the_first(settings: Settings) -> None:
    record(settings, "x", found("disk-full"), host="h", at=at(1))
    record(settings, "x", found("port-in-use"), host="h", at=at(2))
    by = {cost.cause: cost for cost in stats(settings, now=at(3))}
    assert (by["disk-full"].open, by["port-in-use"].open) == (0, 1)


def test_other_hosts_and_sources_are_left_alone(settings: Settings) -> None:
    record(settings, "x", found("disk-full"), host="a", at=at(1))
    record(settings, "x", None, host="b", at=at(2))
    record(settings, "y", None, host="a", at=at(2))
    assert stats(settings, now=at(3))[0].open == 1


def test_resolve(settings: Settings) -> None:
    record(settings, "x", found("disk-full"), at=at(1))
    assert resolve(settings, "disk-full", at=at(2)) == 1
    assert resolve(settings, "disk-full") == 0
    assert stats(settings)[0].hours_to_repair == 1


def test_secrets_are_not_kept(settings: Settings) -> None:
    record(settings, "x", found("auth-failure", "token=hf_abcdefghijklmnopqrstuvwxyz0123 refused"))
    data = b"".join(path.read_bytes() for path in Path(settings.state.directory).iterdir())
    assert b"hf_abcdef" not in data
    assert b"auth-failure" in data


def test_only_its_owner_reads_it(settings: Settings) -> None:
    record(settings, "x", found("disk-full"))
    path = Path(settings.state.directory) / records.FILE
    assert path.stat().st_mode & 0o077 == 0


def test_a_database_of_this_release_opens_later(settings: Settings) -> None:
    """What the first release wrote, written out here by hand, is read by every later one."""
    path = Path(settings.state.directory) / records.FILE
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE diagnosis (id INTEGER PRIMARY KEY, at TEXT NOT NULL, host TEXT NOT NULL,"
            "source TEXT NOT NULL, cause TEXT NOT NULL, line TEXT NOT NULL, resolved TEXT);"
            "INSERT INTO diagnosis VALUES (1, '2026-11-20T01:00:00+00:00', 'h', 's', 'disk-full', 'l', NULL);"
            "PRAGMA user_version = 1;"
        )
    database.close()
    assert stats(settings)[0].cause == "disk-full"


def test_what_cannot_be_used_is_said(settings: Settings, tmp_path: Path) -> None:
    path = Path(settings.state.directory) / records.FILE
    record(settings, "x", found("disk-full"))
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StateUnusable, match="newer"):
        stats(settings)
    path.write_bytes(b"this is no database, whatever it is called" * 100)
    with pytest.raises(StateUnusable):
        stats(settings)
    (tmp_path / "file").touch()
    with pytest.raises(StateUnusable):
        stats(Settings(state=StateSettings(directory=str(tmp_path / "file" / "x"))))
