"""What is said of a machine that isn't there: the verdict, before the findings; a check of a machine needs none."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.report import Report
from airworthy.core.words import say
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table
from airworthy.report.plain import value_text

_VERDICTS = {
    "works": ("it works, as far as what was given decides", "good"),
    "fails": ("it fails", "error"),
    "unknown": ("what was given does not decide whether it works", "warning"),
}


def view(report: Report, options: RenderOptions) -> Iterator[Line]:
    """The lines before the findings of `airworthy check --given`."""
    if "given" not in report.answer:
        return
    text, style = _VERDICTS[report.answer["verdict"]]
    yield line((say(text), style))
    if options.verbose:
        yield from table([(key, value_text(value)) for key, value in report.answer["given"].items()], indent=2)
    rows = [(cause, value_text(reason)) for cause, reason in report.answer["undecided"].items()]
    if rows:
        yield line((say("Not decided"), "title"))
        yield from table(rows, indent=2, styles=("name", "dim"))
    yield line()
