"""Configurations from public reports, gathered for this project, against what `check --given` says of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from airworthy.core.report import Report
from airworthy.flows.check import check

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "field_cases.toml").read_text(encoding="utf-8")
)
FAILING = tuple(name for name, case in CASES.items() if "cause" in case)
WORKING = tuple(name for name, case in CASES.items() if "cause" not in case)


def judged(name: str) -> Report:
    return check(given=CASES[name]["given"])


def told(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings]


def test_there_are_both_kinds_and_each_has_its_source() -> None:
    assert len(CASES) >= 80
    assert len(WORKING) >= 20
    assert all(case["source"].startswith("https://") for case in CASES.values())


@pytest.mark.parametrize("name", FAILING)
def test_what_failed_is_said_to_fail_for_its_cause(name: str) -> None:
    report = judged(name)
    assert report.data["verdict"] == "fails", told(report)
    assert told(report)[0] in {CASES[name]["cause"], *CASES[name].get("also", ())}


@pytest.mark.parametrize("name", WORKING)
def test_what_worked_is_said_to_work(name: str) -> None:
    report = judged(name)
    assert report.data["verdict"] == "works", (told(report), report.data)
