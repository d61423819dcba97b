"""What causes cost: recorded, resolved, added up."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.core.finding import Confidence, Evidence, Finding, Severity
from airworthy.state.database import FILE
from airworthy.state.diagnoses import record, resolve, stats


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
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


def at(hour: int, day: int = 20) -> str:
    return f"2026-11-{day}T{hour:02}:00:00+00:00"


def test_nothing_recorded(directory: Path) -> None:
    assert stats(directory) == ()


def test_costs(directory: Path) -> None:
    record(directory, "/a.log", found("disk-full"), host="h", at=at(1))
    record(directory, "/a.log", found("disk-full"), host="h", at=at(2))  # the same outage, looked at again
    record(directory, "/a.log", None, host="h", at=at(5))
    record(directory, "/a.log", found("disk-full"), host="h", at=at(10))  # it came back
    record(directory, "serve", found("port-in-use"), host="h", at=at(11))
    record(directory, "serve", None, host="h", at=at(12))
    dear, cheap = stats(directory, now=at(16))
    assert (dear.cause, dear.times, dear.came_back, dear.open) == ("disk-full", 3, 1, 1)
    assert dear.hours == 4 + 6
    assert dear.hours_to_repair == 4
    assert (cheap.cause, cheap.hours, cheap.hours_to_repair, cheap.open) == ("port-in-use", 1, 1, 0)


def test_another_cause_for_the_same_source_ends_the_first(directory: Path) -> None:
    record(directory, "x", found("disk-full"), host="h", at=at(1))
    record(directory, "x", found("port-in-use"), host="h", at=at(2))
    by = {cost.cause: cost for cost in stats(directory, now=at(3))}
    assert (by["disk-full"].open, by["port-in-use"].open) == (0, 1)


def test_other_hosts_and_sources_are_left_alone(directory: Path) -> None:
    record(directory, "x", found("disk-full"), host="a", at=at(1))
    record(directory, "x", None, host="b", at=at(2))
    record(directory, "y", None, host="a", at=at(2))
    assert stats(directory, now=at(3))[0].open == 1


def test_resolve(directory: Path) -> None:
    record(directory, "x", found("disk-full"), at=at(1))
    assert resolve(directory, "disk-full", at=at(2)) == 1
    assert resolve(directory, "disk-full") == 0
    assert stats(directory)[0].hours_to_repair == 1


def test_secrets_are_not_kept(directory: Path) -> None:
    record(directory, "x", found("auth-failure", "token=hf_abcdefghijklmnopqrstuvwxyz0123 refused"))
    data = b"".join(path.read_bytes() for path in directory.iterdir())
    assert b"hf_abcdef" not in data
    assert b"auth-failure" in data


def test_only_its_owner_reads_it(directory: Path) -> None:
    record(directory, "x", found("disk-full"))
    path = directory / FILE
    assert path.stat().st_mode & 0o077 == 0
