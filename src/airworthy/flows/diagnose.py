"""After: what went wrong, told from a program's output."""

from __future__ import annotations

from airworthy.core.facts import Facts
from airworthy.core.report import CheckResult, Failed, Report
from airworthy.core.words import say
from airworthy.flows.files import STANDARD_INPUT, read


def diagnose_file(path: str, *, facts: Facts | None = None) -> Report:
    """Recognise causes in a log file; `-` is standard input.

    The root cause is the first finding, and the `cause` of the answer.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read.
        InputTooLarge: it is larger than any log worth reading whole.
    """
    from airworthy.diagnose import diagnose

    diagnosis = diagnose(read(path).decode("utf-8", "replace"), facts=facts)
    found: tuple[CheckResult, ...] = tuple(Failed(finding.cause, (finding,)) for finding in diagnosis.findings)
    return Report(
        verb="diagnose",
        subject=say("standard input") if path == STANDARD_INPUT else path,
        results=(*found, *diagnosis.undecided),
        answer={"cause": diagnosis.findings[0].cause if diagnosis.findings else None},
        ranked=True,
    )
