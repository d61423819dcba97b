"""Configurations from the field that work and that fail, against what `check --given` says of them."""

from __future__ import annotations

import collections
import json
from typing import Any, NamedTuple

import pytest

from airworthy.core.report import Report
from airworthy.flows.check import check
from catalogue import CORPUS

FILE = CORPUS / "compat.jsonl"
VERDICTS = 0.95
"""The share of verdicts that must be right."""
CAUSES = 0.90
"""The share of failing cases whose first cause must be right."""


class Judged(NamedTuple):
    row: dict[str, Any]
    report: Report

    @property
    def verdict_right(self) -> bool:
        return bool(self.report.data["verdict"] == ("works" if self.row["works"] else "fails"))

    @property
    def cause_right(self) -> bool:
        right = {self.row["cause"], *(self.row.get("also") or ())}
        return bool(self.report.findings) and self.report.findings[0].cause in right


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    if not FILE.is_file():
        pytest.skip(f"the collected cases are not at {FILE}")
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return [Judged(row, check(given=row["config"])) for row in rows]


def table(judged: list[Judged]) -> str:
    lines = []
    for each in judged:
        mark = "ok " if each.verdict_right and (each.row["works"] or each.cause_right) else "NOT"
        told = ", ".join(finding.cause for finding in each.report.findings) or "-"
        wanted = "works" if each.row["works"] else each.row["cause"]
        lines.append(f"{mark} {each.row['id']:42} {wanted:30} {each.report.data['verdict']:8} {told}")
    fails = [each for each in judged if not each.row["works"]]
    right = sum(each.verdict_right for each in judged)
    causes = sum(each.cause_right for each in fails)
    counts = collections.Counter(each.report.data["verdict"] for each in judged)
    lines.append(f"verdicts right {right}/{len(judged)}, causes right {causes}/{len(fails)}, {dict(counts)}")
    return "\n".join(lines)


def test_no_working_configuration_is_said_to_fail(judged: list[Judged]) -> None:
    wrong = [each.row["id"] for each in judged if each.row["works"] and each.report.data["verdict"] == "fails"]
    assert not wrong


def test_verdicts_and_causes(judged: list[Judged]) -> None:
    print(table(judged))
    fails = [each for each in judged if not each.row["works"]]
    assert sum(each.verdict_right for each in judged) >= VERDICTS * len(judged), table(judged)
    assert sum(each.cause_right for each in fails) >= CAUSES * len(fails), table(judged)


def test_each_finding_says_what_decided(judged: list[Judged]) -> None:
    for each in judged:
        for finding in each.report.findings:
            assert finding.evidence, each.row["id"]
            assert all(evidence.source for evidence in finding.evidence), each.row["id"]
