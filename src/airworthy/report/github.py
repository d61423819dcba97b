"""GitHub workflow commands: findings become annotations of a run."""

from __future__ import annotations

from airworthy.core.finding import Finding, Severity
from airworthy.core.messages import say
from airworthy.core.report import CRASHED, AnyReport, Crashed, Skipped
from airworthy.report.interface import RenderOptions
from airworthy.report.location import is_path
from airworthy.report.plain import printable

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: AnyReport, options: RenderOptions) -> str:
    """The report as one workflow command a line."""
    del options  # the runner reads it, wherever that is
    rows = [_finding(finding) for finding in report.findings]
    for result in report.results:
        if isinstance(result, Crashed):
            rows.append(_row("error", {"title": result.check}, say(CRASHED)))
        elif isinstance(result, Skipped):
            rows.append(_row("notice", {"title": result.check}, say("not checked: {reason}", reason=result.reason)))
    return "".join(row + "\n" for row in rows)


def _finding(finding: Finding) -> str:
    properties = {"title": f"{finding.cause} {finding.subject}".rstrip()}
    if is_path(finding.subject):
        properties["file"] = finding.subject
    step = next((command for remedy in finding.remedies[:1] for command in remedy.commands), "")
    text = say("{message} (to end it: {step})", message=finding.message, step=step) if step else finding.message
    return _row(_COMMANDS[finding.severity], properties, text)


def _row(command: str, properties: dict[str, str], text: str) -> str:
    told = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
    return f"::{command} {told}::{_escape(text)}"


def _escape(text: str, more: str = "") -> str:
    return "".join(f"%{ord(c):02X}" if c in "%" + more else c for c in printable(text))
