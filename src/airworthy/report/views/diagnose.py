"""What a diagnosis says where it names no cause; the causes themselves are told as findings."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.report import Report
from airworthy.core.words import say
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line


def view(report: Report, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy diagnose` before its findings."""
    del options
    if not report.findings:
        yield line(say("No known cause is recognised in {subject}.", subject=report.subject))
