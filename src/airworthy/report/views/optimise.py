"""What was tried to make a model smaller, a row a candidate, and what is proven of the one that was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table
from airworthy.report.views.gate import STYLES, proof_rows, reasons


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy optimise`."""
    del options
    answer = report.data
    rows = answer["rows"]
    yield line((answer["model"], "title"), say(", {size:bytes}", size=answer["size"]))
    yield line(
        say(
            "{calibration} rows calibrate, {selection} choose, {final} prove",
            calibration=rows["calibration"],
            selection=rows["selection"],
            final=rows["final"],
        ),
        indent=2,
    )
    yield line("")
    head = ("", say("candidate"), say("size"), say("time"), say("difference"), say("bounds"), "")
    yield from table([head, *(_row(each, answer) for each in answer["candidates"])], indent=2)
    yield line("")
    yield from _ending(answer)


def _row(candidate: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[str, ...]:
    mark = "->" if candidate["name"] == answer["chosen"] else "*" if candidate["best"] else ""
    if candidate["problem"]:
        return (mark, candidate["name"], "-", "-", "-", "-", candidate["problem"].partition("\n")[0][:100])
    quality, speed = candidate["quality"], candidate["speed"]
    return (
        mark,
        candidate["name"],
        f"{candidate['size'] / answer['size']:.0%}",
        f"x {speed['ratio']:.2f}",
        f"{quality['difference']:+.4f}",
        f"{quality['low']:+.4f} .. {quality['high']:+.4f}",
        say(quality["verdict"]),
    )


def _ending(answer: Mapping[str, Any]) -> Iterator[Line]:
    gate = answer.get("gate")
    if gate is None:
        told = say("no candidate is smaller or faster without a proven loss: the original stays the best")
        yield line((told, "warning"), indent=2)
        return
    template = "{name}, on rows that nothing was chosen by: "
    yield line(say(template, name=answer["chosen"]), (say(answer["verdict"]), STYLES[answer["verdict"]]), indent=2)
    yield from table(list(proof_rows(gate)), indent=2)
    for told in reasons(gate):
        yield line(told, indent=2, hang=2)
    if answer["path"]:
        yield line(say("written to {path}", path=answer["path"]), indent=2)
    else:
        yield line(
            say("* no other candidate is better in size, time and quality; --out FILE writes the chosen one"), indent=2
        )
