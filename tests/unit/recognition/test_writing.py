"""Source code and guides quote errors that did not happen: what is found in them is a guess."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalogue
from airworthy.core.finding import Confidence
from airworthy.recognition import diagnose
from airworthy.recognition.writing import LEAST_LINES, PROSE, SOURCE_CODE, read_as
from healthy import collected

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted((ROOT / "docs" / "causes").glob("*.md"))
"""Guides, each of which quotes the very errors that it explains."""
SOURCES = sorted((ROOT / "src" / "airworthy" / "causes").glob("*/*.py"))
"""Source files full of the literals that are searched for."""


def test_there_are_enough_of_them() -> None:
    assert len(PAGES) + len(SOURCES) >= 150


@pytest.mark.parametrize("folder", [PAGES, SOURCES], ids=["guides", "sources"])
def test_nothing_above_low_is_found_in_them(folder: list[Path]) -> None:
    surer, quoting = {}, 0
    for path in folder:
        findings = diagnose(path.read_text(encoding="utf-8")).findings
        quoting += bool(findings)
        above = [each.cause for each in findings if each.confidence is not Confidence.LOW]
        if above:
            surer[path.name] = above
    assert surer == {}
    assert quoting > len(folder) / 2, "they no longer quote what is searched for, so that this shows nothing"


def test_what_they_are_is_reported() -> None:
    assert {read_as(path.read_text(encoding="utf-8").split("\n")) for path in PAGES} == {PROSE}
    read = [read_as(path.read_text(encoding="utf-8").split("\n")) for path in SOURCES]
    assert read.count(SOURCE_CODE) > 0.85 * len(read)
    assert diagnose(PAGES[0].read_text(encoding="utf-8")).read_as == PROSE


def test_outputs_are_outputs() -> None:
    logs = [entry["log"] for _, entry in catalogue.logs("is_it")]
    assert [log[:80] for log in logs if read_as(log.split("\n"))] == []
    assert sum(bool(read_as(log.split("\n"))) for log in collected().values()) <= 1


def test_a_traceback_through_source_is_an_output() -> None:
    frames = '  File "/srv/app/serve.py", line 12, in run\n    for each in queue:\n' * 20
    text = f"Traceback (most recent call last):\n{frames}OSError: [Errno 28] No space left on device\n"
    diagnosis = diagnose(text)
    assert diagnosis.read_as == ""
    assert diagnosis.findings[0].confidence is Confidence.HIGH


@pytest.mark.parametrize("lines", [0, 1, LEAST_LINES - 1])
def test_an_excerpt_is_not_judged(lines: int) -> None:
    assert read_as(["import os"] * lines) == ""


@given(st.lists(st.text(max_size=200), max_size=60))
def test_any_text_can_be_judged(lines: list[str]) -> None:
    assert read_as(lines) in ("", PROSE, SOURCE_CODE)
