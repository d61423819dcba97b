"""SARIF 2.1.0: findings for code scanning; a cause is a rule, and what could not be checked is a notification."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import airworthy
from airworthy.core.errors import UnknownName
from airworthy.core.finding import Finding, Severity
from airworthy.core.messages import say
from airworthy.core.report import CRASHED, AnyReport, Crashed, Skipped
from airworthy.report.interface import RenderOptions
from airworthy.report.json import finding_data
from airworthy.report.location import is_path, path_uri
from airworthy.report.plain import builtins, json_text

if TYPE_CHECKING:
    from airworthy.causes.catalogue import Catalogue

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
"""Where OASIS publishes the schema that a rendered document follows."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: AnyReport, options: RenderOptions) -> str:
    """The report as a SARIF log."""
    from airworthy.causes.catalogue import standard

    return json_text(builtins(log(report, options.catalogue or standard())))


def log(report: AnyReport, catalogue: Catalogue) -> dict[str, Any]:
    """The report as a SARIF log in plain data; the catalogue describes the rules."""
    slugs = list(dict.fromkeys([result.check for result in report.results] + [f.cause for f in report.findings]))
    numbers = {slug: number for number, slug in enumerate(slugs)}
    driver = {
        "name": "airworthy",
        "version": airworthy.__version__,
        "rules": [_rule(slug, catalogue) for slug in slugs],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(report, numbers)],
        "results": [_result(finding, numbers[finding.cause]) for finding in report.findings],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}


def _rule(slug: str, catalogue: Catalogue) -> dict[str, Any]:
    try:
        cause = catalogue.get(slug)
    except UnknownName:  # a report of another version, or of a package that isn't installed here
        return {"id": slug}
    rule: dict[str, Any] = {"id": slug, "defaultConfiguration": {"level": _LEVELS[cause.severity]}}
    if cause.title:
        rule["shortDescription"] = {"text": cause.title}
        rule["fullDescription"] = {"text": cause.title}
        rule["help"] = {"text": cause.page, "markdown": cause.page}
    return rule


def _result(finding: Finding, number: int) -> dict[str, Any]:
    data = finding_data(finding)
    return {
        "ruleId": finding.cause,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [_location(finding.subject)] if finding.subject else [],
        "partialFingerprints": {"airworthy/v1": _fingerprint(finding)},
        "properties": {name: data[name] for name in ("confidence", "params", "evidence", "remedies")},
    }


def _message(finding: Finding) -> str:
    steps = [command for remedy in finding.remedies[:1] for command in remedy.commands]
    way_out = say(" To end it: {steps}", steps="; ".join(steps)) if steps else ""
    return f"{finding.message}{way_out}"


def _location(subject: str) -> dict[str, Any]:
    if is_path(subject):
        return {"physicalLocation": {"artifactLocation": {"uri": path_uri(subject)}}}
    return {"logicalLocations": [{"name": subject, "kind": "resource"}]}


def _fingerprint(finding: Finding) -> str:
    text = f"{finding.cause}\0{finding.subject}".encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()


def _invocation(report: AnyReport, numbers: dict[str, int]) -> dict[str, Any]:
    notifications = []
    for result in report.results:
        if isinstance(result, Crashed):
            text, level = f"{say(CRASHED)}: {result.trace}", "error"
        elif isinstance(result, Skipped):
            text, level = say("not checked: {reason}", reason=result.reason), "note"
        else:
            continue
        rule = {"id": result.check, "index": numbers[result.check]}
        notifications.append({"message": {"text": text}, "level": level, "associatedRule": rule})
    crashed = any(isinstance(result, Crashed) for result in report.results)
    return {"executionSuccessful": not crashed, "toolExecutionNotifications": notifications}
