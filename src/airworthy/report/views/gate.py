"""What came of comparing two models: the verdict, then the figures that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

STYLES = {"passed": "good", "failed": "error", "not enough data": "warning"}
"""How each verdict is shown."""
ANY_TIME = 1e6
"""A ratio of times from which on the speed is reported alone."""


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy gate`."""
    del options
    answer = report.data
    verdict = answer["verdict"]
    yield line((say("{after} in place of {before}", after=answer["after"], before=answer["before"]), "title"))
    yield line((say(verdict), STYLES[verdict]), indent=2)
    yield line("")
    yield from table(list(proof_rows(answer)), indent=2)
    yield line("")
    for told in reasons(answer):
        yield line(told, indent=2, hang=2)


def proof_rows(answer: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A table of both models' figures."""
    quality, speed = answer["quality"], answer.get("speed")
    yield ("", say("in use"), say("new"), say("difference"), say("bounds"), say("allowed"), "")
    yield (
        quality["metric"],
        f"{quality['before']:.4f}",
        f"{quality['after']:.4f}",
        f"{quality['difference']:+.4f}",
        f"{quality['low']:+.4f} .. {quality['high']:+.4f}",
        f"{-quality['margin']:+.4f}",
        say(quality["verdict"]),
    )
    if speed is not None:
        yield (
            say("ms for {batch} row(s)", batch=speed["batch"]),
            f"{speed['before'] * 1e3:.3f}",
            f"{speed['after'] * 1e3:.3f}",
            f"x {speed['ratio']:.3f}",
            f"x {speed['low']:.3f} .. {speed['high']:.3f}",
            f"x {speed['most']:.3f}" if speed["most"] < ANY_TIME else say("any"),
            say(speed["verdict"]),
        )


def reasons(answer: Mapping[str, Any]) -> Iterator[str]:
    """What the verdict rests on, a sentence each."""
    quality, speed = answer["quality"], answer.get("speed")
    if quality.get("lost") is not None:
        yield say(
            "of {rows:,} rows {lost:,} are right only before and {won:,} only after (McNemar p = {p:.3g})",
            rows=quality["rows"],
            lost=quality["lost"],
            won=quality["won"],
            p=quality["p_value"],
        )
    if answer.get("agreement") is not None:
        yield say("both name the same class for {share:.2%} of the rows", share=answer["agreement"])
    if quality["verdict"] == "not enough data":
        yield _more_rows(quality)
    if speed is not None and speed["verdict"] == "not enough data":
        told = "{pairs:,} pairs of runs don't decide the speed; give more time with --seconds, or a machine at rest"
        yield say(told, pairs=speed["pairs"])
    held = answer["instructions"]
    template = "8-bit answers hold for processors with {names}" if held else "processor instructions are unknown"
    yield say(template, names=", ".join(held))


def _more_rows(quality: Mapping[str, Any]) -> str:
    if quality.get("rows_needed") is None:
        return say("{rows:,} rows don't decide, and no number of rows is foreseen that would", rows=quality["rows"])
    return say(
        "{rows:,} rows don't decide; about {needed:,} would, if the difference stays as it is",
        rows=quality["rows"],
        needed=quality["rows_needed"],
    )
