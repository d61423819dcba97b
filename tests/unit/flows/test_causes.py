"""Entries of a project's own folder: drafted from a log, then taking part like ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.causes.local import EntryInvalid, parse
from airworthy.core.facts import Facts
from airworthy.flows.catalogue import FOLDER, SlugTaken, catalogue_for
from airworthy.flows.causes import NothingWrong, SlugInvalid, new
from airworthy.flows.diagnose import diagnose_file
from airworthy.flows.explain import explain

LINE = "RuntimeError: licence checkout failed for seat 17 at 10.0.0.4:9000"
WHOLE = """
title = "The licence server does not answer."
severity = "warning"
message = "no licence for seat {seat}"
brings_about = ["worker-died"]
[[signature]]
literal = "licence checkout failed"
pattern = 'for seat (?P<seat>\\d+)'
weight = 1.0
[[remedy]]
why = "Restart it."
commands = ["systemctl restart licenced"]
safe = true
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").write_text(f"INFO up\n{LINE}\n")
    return tmp_path


def test_a_draft_is_recognised_at_once(here: Path) -> None:
    assert diagnose_file("log").data["cause"] is None
    written = new("licence-server-down", "log")
    assert written.path == here / FOLDER / "licence-server-down.toml"
    assert written.number == 2
    finding = diagnose_file("log").findings[0]
    assert finding.cause == "licence-server-down"
    assert finding.evidence[0].line == 2
    (here / "other.log").write_text(LINE.replace("17", "4").replace("10.0.0.4", "10.0.0.9"))
    assert diagnose_file("other.log").findings[0].cause == "licence-server-down"


def test_a_line_can_be_named(here: Path) -> None:
    (here / "quiet").write_text("the frobnicator sleeps now\nnothing\n")
    with pytest.raises(NothingWrong):
        new("other", "quiet")
    assert new("other", "quiet", line=1).literal == "the frobnicator sleeps now"
    with pytest.raises(SlugTaken):
        new("other", "quiet", line=1)


def test_a_line_that_is_not_there() -> None:
    with pytest.raises(NothingWrong):
        new("other", "log", line=77)


@pytest.mark.parametrize("slug", ["", "Upper", "a b", "../x", "-x", "x-", "x--y"])
def test_names_that_are_none(slug: str) -> None:
    with pytest.raises(SlugInvalid):
        new(slug, "log")


def test_a_name_of_ours_is_refused(here: Path) -> None:
    with pytest.raises(SlugTaken):
        new("disk-full", "log")
    folder = here / FOLDER
    folder.mkdir(parents=True)
    (folder / "disk-full.toml").write_text(WHOLE)
    with pytest.raises(SlugTaken):
        catalogue_for()


def test_an_entry_has_all_that_ours_have(here: Path) -> None:
    folder = here / FOLDER
    folder.mkdir(parents=True)
    (folder / "licence-server-down.toml").write_text(WHOLE)
    below = here / "deep" / "er"
    below.mkdir(parents=True)
    assert catalogue_for(below).brings_about == {"licence-server-down": ("worker-died",)}
    finding = diagnose_file("log").findings[0]
    assert finding.message == "no licence for seat 17"
    assert finding.severity.value == "warning"
    assert finding.remedies[0].commands == ("systemctl restart licenced",)
    assert "The licence server does not answer." in explain("licence-server-down").page


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("title", "titel"), "titel"),
        (("weight = 1.0", "weight = 3"), "weight"),
        (("licence checkout failed", "x"), "too short"),
        (("(?P<seat>\\d+)", "("), "pattern"),
        (("(?P<seat>\\d+)", "(a+)+b"), "never come to an end"),
        (("weight = 1.0", 'message = "{gone}"'), "gone"),
        (("[[signature]]", "[[signatures]]"), "signature"),
        (('severity = "warning"', 'severity = "bad"'), "severity"),
        (("title =", "title = = "), ""),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(change: tuple[str, str], problem: str) -> None:
    assert change[0] in WHOLE
    with pytest.raises(EntryInvalid) as caught:
        parse("licence-server-down", WHOLE.replace(*change), "file.toml")
    assert "file.toml" in caught.value.text
    assert problem in caught.value.text


def test_an_entry_without_remedies_has_none() -> None:
    entry = parse("other", 'title = "T."\n[[signature]]\nliteral = "abcdefgh"\n', "f")
    assert list(entry.cause.remedy_maker({}, Facts())) == []
    assert entry.cause.family == "local"
