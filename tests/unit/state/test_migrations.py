"""Every shape in which a release kept something: a sample of each, as it was written then, is read by this one.

| shape | written by | sample |
|---|---|---|
| diagnoses 1 | the first release: `diagnoses.sqlite3`, `user_version` 1 | `diagnoses-1.sql` |
| profile 1 | the first release: `profiles/*.json` with a line of costs | `profile-1.json` |
| profile 2 | the same, with points of a curve | `profile-2.json` |
| state 1 | one database, with diagnoses | `state-1.sql` |
| state 2 | the same, with profiles | `state-2.sql` |
| state 3 | the same, with releases | `state-3.sql` |
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from airworthy.serve.scheduling.cost_curve import CostCurve
from airworthy.serve.scheduling.tuner import Profile
from airworthy.state import profiles
from airworthy.state.database import FILE, connect
from airworthy.state.diagnoses import record, stats
from airworthy.state.errors import StateCorrupted, StateUnusable
from airworthy.state.migrations import MIGRATIONS, OLD_DIAGNOSES, OLD_PROFILES
from airworthy.state.releases import rollouts
from airworthy.state.releases.table import Deployment, Releases

SAMPLES = Path(__file__).parent / "schemas"
AT = "2026-11-20T02:00:00.000+00:00"
NOW = "2026-11-21T00:00:00+00:00"
KEY = "0123456789abcdef0123456789abcdef"
POINTS = ((8.0, 0.0037), (24.0, 0.0071), (256.0, 0.0575))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    return path


def database(path: Path, sample: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as opened:
        opened.executescript((SAMPLES / sample).read_text())


def profile(directory: Path, sample: str) -> None:
    (directory / OLD_PROFILES).mkdir(exist_ok=True)
    (directory / OLD_PROFILES / f"{KEY}.json").write_bytes((SAMPLES / sample).read_bytes())


def test_there_is_a_sample_of_every_schema() -> None:
    states = {f"state-{number}.sql" for number in range(1, len(MIGRATIONS) + 1)}
    assert {path.name for path in SAMPLES.iterdir()} == {
        "diagnoses-1.sql",
        "profile-1.json",
        "profile-2.json",
        *states,
    }


def check_diagnoses(directory: Path) -> None:
    dear, cheap = stats(directory, now=NOW)
    assert (dear.cause, dear.times, dear.open, dear.hours) == ("disk-full", 1, 1, 23.0)
    assert (cheap.cause, cheap.times, cheap.open, cheap.hours_to_repair) == ("port-in-use", 1, 0, 1.0)


def test_diagnoses_of_the_first_release(directory: Path) -> None:
    database(directory / OLD_DIAGNOSES, "diagnoses-1.sql")
    before = (directory / OLD_DIAGNOSES).read_bytes()
    check_diagnoses(directory)
    check_diagnoses(directory)  # carried over once
    assert (directory / OLD_DIAGNOSES).read_bytes() == before
    assert record(directory, "s", None, host="h", at=NOW) is None
    assert [cost.open for cost in stats(directory, now=NOW)] == [0, 0]


def test_rows_that_a_killed_process_left_in_the_log(directory: Path) -> None:
    path = directory / OLD_DIAGNOSES
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.executescript((SAMPLES / "diagnoses-1.sql").read_text())
        assert path.with_name(f"{path.name}-wal").stat().st_size > 0
        check_diagnoses(directory)


def test_an_old_database_without_a_table(directory: Path) -> None:
    (directory / OLD_DIAGNOSES).touch()
    assert stats(directory) == ()


def test_an_old_database_that_is_damaged_is_named_and_nothing_is_lost(directory: Path) -> None:
    (directory / OLD_DIAGNOSES).write_bytes(b"no database" * 1000)
    with pytest.raises(StateCorrupted, match=OLD_DIAGNOSES):
        stats(directory)
    (directory / OLD_DIAGNOSES).unlink()
    database(directory / OLD_DIAGNOSES, "diagnoses-1.sql")
    check_diagnoses(directory)


def test_an_old_database_of_no_release(directory: Path) -> None:
    database(directory / OLD_DIAGNOSES, "diagnoses-1.sql")
    with contextlib.closing(sqlite3.connect(directory / OLD_DIAGNOSES)) as opened:
        opened.execute("PRAGMA user_version = 7")
    with pytest.raises(StateUnusable, match="schema 7"):
        stats(directory)


def test_a_profile_of_the_first_shape(directory: Path) -> None:
    profile(directory, "profile-1.json")
    found = profiles.load(directory, KEY, Profile)
    assert found is not None
    assert (found.lanes, found.batch) == (2, 256)
    curve = CostCurve(found.points)
    for work in (1, 16, 256, 1000):
        assert curve(work) == pytest.approx(0.002 + 0.00022 * work)


def test_a_profile_of_the_second_shape(directory: Path) -> None:
    profile(directory, "profile-2.json")
    assert profiles.load(directory, KEY, Profile) == Profile(2, 256, POINTS)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"lanes": 2, "batch": 3}', b'{"lanes": "x"}', b"\xff" * 99999])
def test_a_profile_that_is_none_is_left_out(directory: Path, content: bytes) -> None:
    profile(directory, "profile-2.json")
    (directory / OLD_PROFILES / "bad.json").write_bytes(content)
    assert profiles.load(directory, "bad", Profile) is None
    assert profiles.load(directory, KEY, Profile) == Profile(2, 256, POINTS)


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS) + 1))
def test_a_state_database_of_each_schema(directory: Path, number: int) -> None:
    database(directory / FILE, f"state-{number}.sql")
    check_diagnoses(directory)
    if number >= 2:
        assert profiles.load(directory, KEY, Profile) == Profile(2, 256, POINTS)
    if number >= 3:
        releases = Releases(directory)
        assert releases.find("digits@champion").scan.verdict == "passed"
        assert releases.deployment("digits") == Deployment("digits", 1, 1, None, AT, "local:ann")
        assert [each.state for each in rollouts.history(directory, "digits")] == ["serving"]
    new = directory.parent / "new"
    with contextlib.closing(connect(directory)) as old, contextlib.closing(connect(new)) as made:
        schema = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
        assert old.execute(schema).fetchall() == made.execute(schema).fetchall()


def test_the_samples_are_what_the_steps_make(tmp_path: Path) -> None:
    """A step that is edited after its release would leave databases of two shapes under one number."""
    for number in range(1, len(MIGRATIONS) + 1):
        path = tmp_path / str(number)
        path.mkdir()
        database(path / FILE, f"state-{number}.sql")
        with (
            contextlib.closing(connect(tmp_path / f"made-{number}", migrations=MIGRATIONS[:number])) as made,
            contextlib.closing(sqlite3.connect(path / FILE)) as sample,
        ):
            schema = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
            assert sample.execute(schema).fetchall() == made.execute(schema).fetchall()
