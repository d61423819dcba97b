"""What results make of the exit status."""

from __future__ import annotations

import pytest

from airworthy.core.errors import Exit
from airworthy.core.finding import Confidence, Finding, Severity
from airworthy.core.report import CheckResult, Crashed, Failed, Passed, Report, Skipped


def finding(severity: Severity, cause: str = "disk-full", confidence: Confidence = Confidence.HIGH) -> Finding:
    return Finding(cause=cause, severity=severity, confidence=confidence, subject="x", message="m", params={})


def failed(severity: Severity) -> Failed:
    return Failed("disk-full", (finding(severity),))


OK, SKIPPED, CHOSEN, CRASHED = Passed("a"), Skipped("b", "why"), Skipped("c", "off", chosen=True), Crashed("d", "trace")


@pytest.mark.parametrize(
    ("results", "fail_on", "strict", "status"),
    [
        ((), Severity.ERROR, False, Exit.OK),
        ((OK,), Severity.ERROR, True, Exit.OK),
        ((OK, SKIPPED), Severity.ERROR, False, Exit.OK),
        ((OK, SKIPPED), Severity.ERROR, True, Exit.INCOMPLETE),
        ((OK, CHOSEN), Severity.ERROR, True, Exit.OK),
        ((OK, CRASHED), Severity.ERROR, False, Exit.INCOMPLETE),
        ((failed(Severity.ERROR), CRASHED, SKIPPED), Severity.ERROR, True, Exit.FINDINGS),
        ((failed(Severity.WARNING),), Severity.ERROR, False, Exit.OK),
        ((failed(Severity.WARNING),), Severity.WARNING, False, Exit.FINDINGS),
        ((failed(Severity.WARNING), CRASHED), Severity.ERROR, False, Exit.INCOMPLETE),
        ((failed(Severity.INFO),), Severity.INFO, False, Exit.FINDINGS),
    ],
)
def test_exit_status(results: tuple[CheckResult, ...], fail_on: Severity, strict: bool, status: Exit) -> None:
    assert Report(verb="check", subject="x", results=results).exit_status(fail_on, strict) is status


def test_the_worst_and_surest_comes_first() -> None:
    report = Report(
        verb="check",
        subject="x",
        results=(
            Failed("a", (finding(Severity.WARNING, "a"), finding(Severity.ERROR, "b", Confidence.LOW))),
            Failed("c", (finding(Severity.ERROR, "c"),)),
        ),
    )
    assert [each.cause for each in report.findings] == ["c", "b", "a"]
    assert report.worst is Severity.ERROR
    assert report.blocks()
    assert Report(verb="check", subject="x").worst is None
