"""Markdown: a summary for a pull request or a job's page."""

from __future__ import annotations

import re

from airworthy.core.messages import say
from airworthy.core.report import AnyReport, Crashed, Failed, Passed, Skipped
from airworthy.report.interface import RenderOptions
from airworthy.report.plain import printable

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&@])")


def render(report: AnyReport, options: RenderOptions) -> str:
    """The report as Markdown."""
    rows = [f"## airworthy {report.verb}: {_escape(report.subject)}", ""]
    if report.findings:
        rows += ["| | cause | subject | what is wrong | next step |", "|---|---|---|---|---|"]
        for finding in report.findings:
            steps = [command for remedy in finding.remedies[:1] for command in remedy.commands]
            next_step = "<br>".join(_code(step) for step in steps)
            cells = (finding.severity.value, _code(finding.cause), _escape(finding.subject), _escape(finding.message))
            rows.append(f"| {' | '.join((*cells, next_step))} |")
        rows.append("")
    kinds = (("passed", Passed), ("failed", Failed), ("skipped", Skipped), ("crashed", Crashed))
    told = (f"{sum(isinstance(r, kind) for r in report.results)} {say(word)}" for word, kind in kinds)
    rows += [", ".join(told), ""]
    if options.verbose:
        rows += [f"- {_code(r.check)}: {_escape(r.reason)}" for r in report.results if isinstance(r, Skipped)]
    return "\n".join(rows).rstrip("\n") + "\n"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", printable(text))


def _code(text: str) -> str:
    # A fence one longer than the longest run of back-ticks inside; a table needs its bars escaped even in code.
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{printable(text)}{pad}{fence}".replace("|", r"\|")
