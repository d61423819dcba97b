"""JSON: one object with the schema's number, the verb's answer, the findings and one result a check."""

from __future__ import annotations

from typing import Any

from airworthy.core.finding import Evidence, Finding, Remedy
from airworthy.core.report import SCHEMA, AnyReport, CheckResult, Failed
from airworthy.report.interface import RenderOptions
from airworthy.report.plain import builtins, json_text


def render(report: AnyReport, options: RenderOptions) -> str:
    """The report as indented JSON."""
    del options  # a document for programs is the same wherever it is read
    return json_text(document(report))


def document(report: AnyReport) -> dict[str, Any]:
    """The report as plain JSON data."""
    head = {"schema": SCHEMA, "verb": report.verb, "subject": builtins(report.subject)}
    body = {
        "findings": [finding_data(finding) for finding in report.findings],
        "results": [_result(result) for result in report.results],
    }
    clash = report.data.keys() & (head.keys() | body.keys())
    if clash:
        raise ValueError(f"the answer of {report.verb} uses reserved names: {sorted(clash)}")
    return {**head, **builtins(report.data), **body}


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding as plain JSON data."""
    return {
        "cause": finding.cause,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "subject": builtins(finding.subject),
        "message": builtins(finding.message),
        "params": builtins(finding.params),
        "evidence": [_evidence(item) for item in finding.evidence],
        "remedies": [_remedy(remedy) for remedy in finding.remedies],
        **_diagnosed(finding),
    }


def _diagnosed(finding: Finding) -> dict[str, Any]:
    """What only a finding from a log has."""
    data: dict[str, Any] = {}
    if finding.standing is not None:
        data["standing"] = finding.standing.value
        if finding.standing_why:
            data["standing_why"] = builtins(finding.standing_why)
    if finding.passed_over:
        data["passed_over"] = builtins(finding.passed_over)
    return data


def _evidence(item: Evidence) -> dict[str, Any]:
    about = {"fact": item.fact} if item.line is None else {"line": item.line}
    return {**about, "value": builtins(item.value), "source": builtins(item.source)}


def _remedy(remedy: Remedy) -> dict[str, Any]:
    what: dict[str, Any] = {}
    if remedy.commands:
        what["commands"] = builtins(remedy.commands)
    if remedy.edits:
        what["edits"] = builtins(remedy.edits)
    return {**what, "safe": remedy.safe, "why": builtins(remedy.why)}


def _result(result: CheckResult) -> dict[str, Any]:
    if isinstance(result, Failed):
        return {"check": result.check, "outcome": "failed"}
    data: dict[str, Any] = builtins(result)
    return {"check": data.pop("check"), **data}
