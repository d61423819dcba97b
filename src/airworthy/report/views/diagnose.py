"""What a diagnosis says where it names no cause; the causes themselves are reported as findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    if report.data.get("read_as"):
        yield line(
            (
                say("The text reads as {kind}: what it quotes need not have happened.", kind=report.data["read_as"]),
                "warning",
            )
        )
        yield line()
    if report.findings:
        return
    yield line(say("No known cause is recognised in {subject}.", subject=report.subject))
    yield from unknown_lines(report.data.get("unknown"), options)
    yield from _remark_lines(report.data.get("remarks") or ())
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
        yield line(
            (say("Guesses"), "title"), (say("  by the words of such failures; none of them is a finding"), "dim")
        )
        for guess in unknown["guesses"]:
            yield line((guess["cause"], "name"), f"  {guess['title']}", indent=2, hang=2)
            if guess.get("words"):
                yield line((say("words: {words}", words=guess["words"]), "dim"), indent=4, hang=2)
    yield line()


def _remark_lines(remarks: Iterable[dict[str, Any]]) -> Iterator[Line]:
    """What wrappers said around the failure, and where they say that its cause stands."""
    for remark in remarks:
        text = say(
            "line {number}: {message} ({cause})",
            number=remark["line"],
            message=remark["message"],
            cause=remark["cause"],
        )
        yield line((say("remark  "), "info"), text, hang=2)
        if remark["why"]:
            yield line((remark["why"], "dim"), indent=2)
        yield line()
