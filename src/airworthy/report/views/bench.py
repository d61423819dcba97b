"""What load on a service gave, a row a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

_PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy bench`."""
    del options
    answer = report.data
    yield line((say("{model} at {url}{path}", model=answer["model"], url=report.subject, path=answer["path"]), "title"))
    slo = say("within {slo:seconds}", slo=answer["slo_seconds"])
    head = (say("load"), say("answers/s"), slo + "/s", *(say("{name} ms", name=name[:3]) for name in _PERCENTILES))
    yield from table([(*head, say("not 200")), *map(_row, answer["runs"])], indent=2)


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    others = {status: count for status, count in run["statuses"].items() if status != "200"}
    bad = [say("{count} x {status}", count=count, status=status) for status, count in others.items()]
    bad += [say("{count} {what}", count=run[what], what=say(what)) for what in ("lost", "unanswered") if run[what]]
    times = (f"{run[name]:.2f}" for name in _PERCENTILES)
    return (run["load"], f"{run['rate']:.1f}", f"{run['goodput']:.1f}", *times, ", ".join(bad) or "-")
