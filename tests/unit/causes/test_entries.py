"""Each cause against its own file of cases."""

from __future__ import annotations

from typing import Any

import pytest

from airworthy.causes.prediction import predict_one
from airworthy.causes.registry import CAUSES
from airworthy.core.report import Failed, Passed, Skipped
from airworthy.knowledge import Knowledge
from airworthy.recognition import diagnose
from catalogue import Case, cases, logs


def named(case: Any) -> str:
    return f"{case.slug}.{case.name}" if isinstance(case, Case) else str(case)


@pytest.mark.parametrize("case", cases("fails"), ids=named)
def test_fails(case: Case) -> None:
    result = predict_one(case.facts, CAUSES.get(case.slug), Knowledge())
    assert isinstance(result, Failed), result
    wanted = case.data.get("params", {})
    found = [f for f in result.findings if all(str(f.params.get(name)) == value for name, value in wanted.items())]
    assert found, [finding.params for finding in result.findings]
    if "findings" in case.data:
        assert len(result.findings) == case.data["findings"]
    if "severity" in case.data:
        assert found[0].severity.value == case.data["severity"]
    for finding in result.findings:
        assert finding.cause == case.slug
        assert finding.remedies, "a finding without a way out"
        assert all(remedy.why for remedy in finding.remedies)
        assert finding.evidence
        assert finding.subject


@pytest.mark.parametrize("case", cases("passes"), ids=named)
def test_passes(case: Case) -> None:
    result = predict_one(case.facts, CAUSES.get(case.slug), Knowledge())
    assert isinstance(result, Passed), result


@pytest.mark.parametrize("case", cases("skips"), ids=named)
def test_skips(case: Case) -> None:
    result = predict_one(case.facts, CAUSES.get(case.slug), Knowledge())
    assert isinstance(result, Skipped), result
    assert case.data.get("reason", "") in result.reason
    assert result.reason


@pytest.mark.parametrize(("slug", "entry"), logs("is_it"))
def test_is_it(slug: str, entry: dict[str, Any]) -> None:
    findings = diagnose(entry["log"]).findings
    assert findings, "nothing was recognised"
    assert findings[0].cause == slug
    assert findings[0].remedies, "a finding without a way out"
    assert findings[0].evidence[0].value in entry["log"]
    for name, value in entry.get("params", {}).items():
        assert findings[0].params[name] == value


@pytest.mark.parametrize(("slug", "entry"), logs("is_not"))
def test_is_not(slug: str, entry: dict[str, Any]) -> None:
    found = [finding.cause for finding in diagnose(entry["log"]).findings]
    assert slug not in found[:1]
    if entry.get("cause") in CAUSES.names():
        assert found[0] == entry["cause"]
    else:
        assert slug not in found
