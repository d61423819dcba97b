"""Going through remedies: which can be run, who agrees, and what is said of each afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.core.finding import Confidence, Edit, Finding, Remedy, Severity
from airworthy.core.report import Failed, Passed, Report
from airworthy.flows.fix import KEPT, fix, runnable


def finding(*remedies: Remedy, subject: str = "", severity: Severity = Severity.ERROR) -> Finding:
    return Finding(
        cause="always-broken",
        severity=severity,
        confidence=Confidence.HIGH,
        subject=subject,
        message="it is broken",
        params={},
        evidence=(),
        remedies=remedies,
    )


def report(*findings: Finding) -> Report:
    result = Failed("always-broken", findings) if findings else Passed("always-broken")
    return Report(verb="check", subject="this host", results=(result,))


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        ("python -m pip install 'torch==2.11.*' --index-url https://download.pytorch.org/whl/cu128", True),
        ("sudo modprobe nvidia", True),
        ("kill 4711", True),
        ("OMP_NUM_THREADS=1 true", True),
        ("vllm serve MODEL --dtype half", False),
        ("docker run --ulimit nofile=65536:65536 IMAGE", False),
        ("git lfs pull --include=<the file>", False),
        ("export OMP_NUM_THREADS=1", False),
        ("ulimit -a", False),
        ("git -C '/srv/models/my bert' lfs pull", True),
        ("df -h /srv", False),
        (".venv/bin/python -m pip list", False),
        ("sudo dmesg -T | grep -i oom", False),
        ("airworthy serve --port 8001", False),
        ("docker run --rm --gpus all ubuntu:22.04 nvidia-smi", False),
        ("sudo reboot", False),
    ],
)
def test_what_can_be_run_as_it_stands(command: str, runs: bool) -> None:
    assert runnable(Remedy(why="", commands=(command,))) is runs


def test_a_remedy_without_commands_is_not_run() -> None:
    assert not runnable(Remedy(why="buy another machine", safe=True))


def test_the_finding_that_a_remedy_ends_is_gone() -> None:
    ran: list[str] = []
    before = report(
        finding(Remedy(why="first", commands=("one",), safe=True), Remedy(why="second", commands=("two",), safe=True))
    )
    after, steps = fix(before, again=report, agree=lambda f, r: True, run=lambda c: ran.append(c) or 0)
    assert ran == ["one"]
    assert after == report()
    assert [(step.why, step.outcome) for step in steps] == [("first", "ended")]


def test_what_remains_fails_and_is_declined() -> None:
    same = report(
        finding(
            Remedy(why="useless", commands=("one",), safe=True),
            Remedy(why="broken", commands=("two", "three"), safe=True),
            Remedy(why="unwanted", commands=("four",), safe=True),
            Remedy(why="unsafe", commands=("five",)),
        )
    )
    ran: list[str] = []

    def run(command: str) -> int:
        ran.append(command)
        return 3 if command == "two" else 0

    after, steps = fix(same, again=lambda: same, agree=lambda f, r: r.why != "unwanted", run=run)
    assert after is same
    assert ran == ["one", "two"]
    assert [step.outcome for step in steps] == ["remains", "failed", "declined"]
    assert steps[1].detail == "two ended with status 3"
    _, steps = fix(same, again=lambda: same, agree=lambda f, r: True, run=lambda c: 0, unsafe=True)
    assert [step.why for step in steps] == ["useless", "broken", "unwanted", "unsafe"]


def test_notes_are_left_alone() -> None:
    noted = report(finding(Remedy(why="", commands=("one",), safe=True), severity=Severity.INFO))
    assert fix(noted, again=report, agree=lambda f, r: True, run=lambda c: 0)[1] == ()


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("a = 1\nb = 2\n", ("a = 1", "a = 3"), "a = 3\nb = 2\n"),
        ("a = 1", ("", "c = 4"), "a = 1\nc = 4\n"),
        (None, ("", "c = 4"), "c = 4\n"),
        ("a = 1\na = 1\n", ("a = 1", "a = 3"), None),
        ("b = 2\n", ("a = 1", "a = 3"), None),
    ],
)
def test_changes_to_files(tmp_path: Path, before: str | None, edit: tuple[str, str], after: str | None) -> None:
    path = tmp_path / "settings.conf"
    if before is not None:
        path.write_text(before)
    remedy = Remedy(why="", edits=(Edit(path=str(path), old=edit[0], new=edit[1]),), safe=True)
    same = report(finding(remedy))
    _, (step,) = fix(same, again=lambda: same, agree=lambda f, r: True, run=lambda c: 0)
    if after is None:
        assert step.outcome == "failed"
        assert path.read_text() == before
    else:
        assert step.outcome == "remains"
        assert path.read_text() == after
        assert before is None or path.with_name(path.name + KEPT).read_text() == before
