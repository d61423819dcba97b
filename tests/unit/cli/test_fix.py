"""`airworthy check --fix` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airworthy.cli.main import main
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.report import Failed, Passed, Report
from airworthy.flows.answers.check import CheckAnswer

Arranged = Callable[[Remedy], Path]


@pytest.fixture
def arranged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Arranged:
    """A check that finds something until a file exists, with a remedy for it."""
    mark = tmp_path / "mark"

    def arrange(remedy: Remedy) -> Path:
        found = Finding(
            cause="disk-full",
            severity=Severity.ERROR,
            confidence=Confidence.HIGH,
            subject="/",
            message="it is \x1b[2Jfull",
            params={},
            evidence=(),
            remedies=(remedy,),
        )

        def check(*arguments: object, **options: object) -> Report:
            result = Passed("disk-full") if mark.exists() else Failed("disk-full", (found,))
            return Report(verb="check", subject="this host", results=(result,), answer=CheckAnswer(verdict="unknown"))

        monkeypatch.setattr("airworthy.flows.check.check", check)
        return mark

    return arrange


def test_without_asking(arranged: Arranged, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mark = arranged(Remedy(why="makes room", commands=(f"echo made; touch {tmp_path}/mark",), safe=True))
    assert main(["check", "--fix", "--yes", "--format", "json"]) == 0
    out, err = capfd.readouterr()
    assert mark.exists()
    assert json.loads(out)["fixes"][0]["outcome"] == "ended"
    assert "$ echo made" in err
    assert "\nmade\n" in err
    assert "disk-full /: ended" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(("flags", "status"), [([], 1), (["--unsafe"], 0)])
def test_unsafe_ones_only_when_told(
    arranged: Arranged, tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: list[str], status: int
) -> None:
    arranged(Remedy(why="makes room", commands=(f"touch {tmp_path}/mark",)))
    assert main(["check", "--fix", "--yes", *flags]) == status
    assert ("nothing here can be run" in capfd.readouterr().err) is (status == 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--yes"], "give --fix too"),
        (["--fix", "--yes", "--given", "gpu=T4"], "--fix works on this machine"),
        (["--fix"], "standard input is not a terminal"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *arguments]) == 2
    assert message in capsys.readouterr().err
