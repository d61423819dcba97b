"""What recorded causes cost, a draft that was written, and the pages of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy causes`."""
    del options
    answer = report.data
    if "literal" in answer:
        yield line(answer["path"])
        yield line(say("  from line {number}: {literal}", number=answer["number"], literal=answer["literal"]))
        if answer["known"]:
            yield line(say("  this log is recognised already, as {known}", known=answer["known"]))
        return
    if "resolved" in answer:
        yield line(say("{count} diagnoses of {cause} closed", count=answer["resolved"], cause=report.subject))
        return
    if not answer["causes"]:
        yield line(say("No diagnosis is recorded: `airworthy diagnose --record LOG` keeps one."))
        return
    rows = [(say("cause"), say("times"), say("came back"), say("open"), say("hours"), say("hours to repair"))]
    for each in answer["causes"]:
        repair = "-" if each["hours_to_repair"] is None else f"{each['hours_to_repair']:.1f}"
        numbers = (str(each["times"]), str(each["came_back"]), str(each["open"]), f"{each['hours']:.1f}")
        rows.append((each["cause"], *numbers, repair))
    yield from table(rows, styles=("name", "", "", "", "", ""))


def explain(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy explain`: a page as it was written, or one line a cause."""
    del options
    answer = report.data
    if "page" in answer:
        yield from map(line, answer["page"].rstrip().split("\n"))
    else:
        yield from table([(each["cause"], each["title"]) for each in answer["causes"]], styles=("name", ""))
