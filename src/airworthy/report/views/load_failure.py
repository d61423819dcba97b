"""A model that did not load: what the engine said, where the cause is not recognised or only guessed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from airworthy.core.finding import Confidence
from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line
from airworthy.report.views.diagnose import unknown_lines

FEW_LINES = 5
"""Lines of the worker's output that are shown unless everything is requested."""


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy up` and `serve` before the findings."""
    failure: dict[str, Any] | None = report.data.get("load_failure")
    if failure is None:
        return
    text = say("{model} passed the checks and did not load.", model=failure["model"])
    yield line((text, "error"))
    yield line()
    if any(finding.confidence is not Confidence.LOW for finding in report.findings[:1]):
        return
    yield line((failure["message"], "dim"), indent=2, hang=2)
    shown = failure["output"] if options.verbose else failure["output"][-FEW_LINES:]
    for each in shown:
        yield line((each, "dim"), indent=4, hang=2)
    yield line()
    if report.findings:
        yield line(say("The cause is a guess."))
    else:
        yield line(say("No known cause is recognised in this output."))
    yield from unknown_lines(report.data.get("unknown"), options)
    arrow = "→ " if options.terminal else "-> "
    if failure["log"]:
        yield line((arrow, "dim"), (say("airworthy diagnose {log}", log=failure["log"]), "command"), whole=True)
        yield line(
            (say("reads the whole output, which is kept there; -v adds the template of the error"), "dim"), indent=2
        )
    yield line(
        (arrow, "dim"), (say("airworthy inspect {path}", path=shlex.quote(failure["path"])), "command"), whole=True
    )
    yield line((say("shows the model's operators, versions and tensors"), "dim"), indent=2)
    yield line()
