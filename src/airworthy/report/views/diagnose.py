"""What a diagnosis says where it names no cause; the causes themselves are reported as findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy diagnose` before its findings."""
    if "exit_status" in report.data:
        text = say(
            "{command} failed with exit status {status}.", command=report.subject, status=report.data["exit_status"]
        )
        yield line((text, "title"))
    if report.findings:
        return
    yield line(say("No known cause is recognised in {subject}.", subject=report.subject))
    yield from unknown_lines(report.data.get("unknown"), options)
    if report.data.get("unknown") is not None:
        yield line((say("`airworthy causes new NAME --from LOG` makes an entry of it."), "dim"))


def unknown_lines(unknown: dict[str, Any] | None, options: RenderOptions) -> Iterator[Line]:
    """The line of an unrecognised failure that says most, and the catalogue's nearest entries."""
    if unknown is None:
        return
    yield line()
    yield line((say("The line that says most"), "title"))
    yield line((say("line {number}: {text}", number=unknown["line"], text=unknown["text"]), "dim"), indent=2, hang=2)
    if options.verbose:
        yield line((say("template: {template}", template=unknown["template"]), "dim"), indent=2, hang=2)
    if unknown["guesses"]:
        yield line()
        yield line((say("Entries with words like these"), "title"), (say("  (guesses)"), "dim"))
        for guess in unknown["guesses"]:
            yield line((guess["cause"], "name"), f"  {guess['title']}", indent=2, hang=2)
    yield line()
