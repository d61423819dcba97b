"""JUnit XML: one test case a check, so that a CI system shows checks as it shows tests."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from airworthy.core.finding import Finding
from airworthy.core.messages import say
from airworthy.core.report import CRASHED, AnyReport, Crashed, Failed, Skipped
from airworthy.report.interface import RenderOptions
from airworthy.report.plain import printable


def render(report: AnyReport, options: RenderOptions) -> str:
    """The report as JUnit XML."""
    del options  # a document for programs is the same wherever it is read
    count = {kind: sum(isinstance(r, kind) for r in report.results) for kind in (Failed, Skipped, Crashed)}
    suite = ET.Element(
        "testsuite",
        name=printable(f"airworthy {report.verb} {report.subject}"),
        tests=str(len(report.results)),
        failures=str(count[Failed]),
        errors=str(count[Crashed]),
        skipped=str(count[Skipped]),
    )
    for result in report.results:
        case = ET.SubElement(suite, "testcase", classname=f"airworthy.{report.verb}", name=result.check)
        if isinstance(result, Failed):
            for finding in result.findings:
                failure = ET.SubElement(case, "failure", type=finding.severity.value, message=_head(finding))
                failure.text = _body(finding)
        elif isinstance(result, Skipped):
            ET.SubElement(case, "skipped", message=printable(result.reason))
        elif isinstance(result, Crashed):
            error = ET.SubElement(case, "error", type="crashed", message=say(CRASHED))
            error.text = "\n".join(printable(row) for row in result.trace.splitlines())
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _head(finding: Finding) -> str:
    return printable(f"{finding.subject}: {finding.message}" if finding.subject else finding.message)


def _body(finding: Finding) -> str:
    return "\n".join(printable(command) for remedy in finding.remedies[:1] for command in remedy.commands)
