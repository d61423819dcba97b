"""After: what went wrong, told from a program's output."""

from __future__ import annotations

from itertools import groupby

from airworthy.core.facts import Facts
from airworthy.core.report import Failed, Report
from airworthy.flows.files import read


def diagnose_file(path: str, *, facts: Facts | None = None) -> Report:
    """Recognise causes in a log file; `-` is standard input.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read.
        InputTooLarge: it is larger than any log worth reading whole.
    """
    from airworthy.diagnose import diagnose

    diagnosis = diagnose(read(path).decode("utf-8", "replace"), facts=facts)
    results = tuple(
        Failed(cause, tuple(findings))
        for cause, findings in groupby(
            sorted(diagnosis.findings, key=lambda finding: finding.cause), key=lambda finding: finding.cause
        )
    )
    return Report(verb="diagnose", subject=path, results=results)
