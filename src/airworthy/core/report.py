"""The outcome of a verb: one result a check, the findings, and the exit status they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Literal, TypeVar, Union

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.finding import Confidence, Finding, Remedy, Severity, most_important

SCHEMA = 1
"""The number that a JSON report carries; it grows when an old reader would misread a new report."""


class Passed(msgspec.Struct, frozen=True, tag="passed", tag_field="outcome"):
    """The check was made, and the cause is not there."""

    check: str
    """The slug of the cause."""
    note: str = ""
    """Why it could not be there at all, where that is so: `no NVIDIA device`."""


class Failed(msgspec.Struct, frozen=True, tag="failed", tag_field="outcome"):
    """The check was made, and the cause is there."""

    check: str
    """The slug of the cause."""
    findings: tuple[Finding, ...]
    """What was found; at least one."""


class Skipped(msgspec.Struct, frozen=True, tag="skipped", tag_field="outcome"):
    """The check could not be made. Not a pass."""

    check: str
    """The slug of the cause."""
    reason: str
    """Which fact is unknown, and why; or that the settings turned the check off."""
    chosen: bool = False
    """Whether a person turned it off, which `--strict` accepts."""


class Crashed(msgspec.Struct, frozen=True, tag="crashed", tag_field="outcome"):
    """The check itself broke: an internal error, and no reason to stop the others."""

    check: str
    """The slug of the cause."""
    trace: str
    """The traceback."""


CRASHED = "the check crashed: internal error of airworthy"
"""What a report says of a crashed check."""

CheckResult = Union[Passed, Failed, Skipped, Crashed]
Verdict = Literal["works", "fails", "unknown"]


class VerbAnswer(msgspec.Struct, frozen=True):
    """A verb's own answer, beside what checks found. The base of all of them, and the answer of a verb without one."""

    @property
    def unexplained(self) -> bool:
        """Whether it reports a failure whose cause is not known."""
        return False


A = TypeVar("A", bound=VerbAnswer)


class Report(msgspec.Struct, Generic[A], frozen=True, kw_only=True):
    """What a verb found out."""

    verb: str
    """The verb, `check`."""
    subject: str
    """What was inspected: `this host`, a path."""
    results: tuple[CheckResult, ...] = ()
    """One a check."""
    answer: A = VerbAnswer()  # type: ignore[assignment]
    """The verb's own answer."""
    ranked: bool = False
    """Whether the results stand in their order of importance already, as a diagnosis does: the root cause first."""

    @property
    def data(self) -> dict[str, Any]:
        """The answer as plain data; what does not apply is left out."""
        plain: dict[str, Any] = msgspec.to_builtins(self.answer, enc_hook=str, str_keys=True)
        return plain

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, most important first."""
        found = (finding for result in self.results if isinstance(result, Failed) for finding in result.findings)
        return tuple(found) if self.ranked else tuple(sorted(found, key=most_important))

    @property
    def worst(self) -> Severity | None:
        """The highest severity among the findings."""
        return max((finding.severity for finding in self.findings), key=lambda s: s.rank, default=None)

    def blocks(self, fail_on: Severity = Severity.ERROR) -> bool:
        """Whether a finding is at or above a severity."""
        return self.worst is not None and self.worst.rank >= fail_on.rank

    def exit_status(self, fail_on: Severity = Severity.ERROR, strict: bool = False) -> Exit:
        """The exit status: findings before incompleteness, incompleteness before success."""
        if self.blocks(fail_on) or (strict and self.answer.unexplained):
            return Exit.FINDINGS
        if any(isinstance(result, Crashed) for result in self.results):
            return Exit.INCOMPLETE
        if strict and any(isinstance(result, Skipped) and not result.chosen for result in self.results):
            return Exit.INCOMPLETE
        return Exit.OK


class ErrorAnswer(VerbAnswer, frozen=True):
    """The answer of a verb that an error ended."""

    error: dict[str, str]
    """`code`, `message` and `hint`."""


def error_report(verb: str, error: AirworthyError) -> Report[ErrorAnswer]:
    """An error that ended a verb as a report: its code stands where a cause's name does."""
    finding = Finding(
        cause=error.code,
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        subject=str(error.params.get("path", "")),
        message=error.text,
        params=dict(error.params),
        remedies=(Remedy(why=error.way_out),) if error.way_out else (),
    )
    answer = ErrorAnswer({"code": error.code, "message": error.text, "hint": error.way_out})
    return Report(verb=verb, subject=finding.subject, results=(Failed(error.code, (finding,)),), answer=answer)


AnyReport = Report[Any]
"""A report with any answer, as renderers and exit statuses take it."""


def verdict(results: Iterable[CheckResult]) -> Verdict:
    """`fails` with an error among the findings, `unknown` where a check could not be made, else `works`."""
    results = tuple(results)
    found = [finding for result in results if isinstance(result, Failed) for finding in result.findings]
    if any(finding.severity is Severity.ERROR for finding in found):
        return "fails"
    open_ = (isinstance(r, Crashed) or (isinstance(r, Skipped) and not r.chosen) for r in results)
    return "unknown" if any(open_) else "works"
