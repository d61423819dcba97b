"""Text for a person: findings by severity, each with its evidence and the next step; then what was checked."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity, Standing
from airworthy.core.messages import say
from airworthy.core.registry import Registry
from airworthy.core.report import AnyReport, Crashed, Failed, Passed, Skipped
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table, write
from airworthy.report.plain import value_text
from airworthy.report.views.interface import View

VIEWS: Registry[View] = Registry(
    "view",
    {
        "audit-deps": "airworthy.report.views.audit:view",
        "bench": "airworthy.report.views.bench:view",
        "causes": "airworthy.report.views.causes:view",
        "check": "airworthy.report.views.check:view",
        "decrypt": "airworthy.report.views.model_files:decrypt",
        "deps": "airworthy.report.views.deps:view",
        "diagnose": "airworthy.report.views.diagnose:view",
        "encrypt": "airworthy.report.views.model_files:encrypt",
        "explain": "airworthy.report.views.causes:explain",
        "facts": "airworthy.report.views.facts:view",
        "fit": "airworthy.report.views.fit:view",
        "gate": "airworthy.report.views.gate:view",
        "graph": "airworthy.report.views.graph:view",
        "inspect": "airworthy.report.views.inspect:view",
        "keygen": "airworthy.report.views.model_files:keygen",
        "lock": "airworthy.report.views.lock:view",
        "optimise": "airworthy.report.views.optimise:view",
        "release": "airworthy.report.views.releases:view",
        "serve": "airworthy.report.views.load_failure:view",
        "sign": "airworthy.report.views.model_files:sign",
        "sync": "airworthy.report.views.lock:sync",
        "up": "airworthy.report.views.load_failure:view",
        "verify": "airworthy.report.views.model_files:verify",
    },
)
"""How the answer of a verb is shown, for the verbs whose answer is more than findings."""

MOST_EVIDENCE = 3
"""Pieces of evidence shown unless everything is requested."""
MOST_VALUE = 160
"""Characters of a value shown unless everything is requested."""

_HEADINGS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.INFO: "Notes"}
_DOUBTS = {Confidence.LOW: "a guess", Confidence.MEDIUM: "likely", Confidence.HIGH: ""}

_STANDINGS = {
    Standing.CONFIRMED: ("the facts confirm it", "good"),
    Standing.REFUTED: ("the facts speak against it", "warning"),
    Standing.UNDECIDED: ("the facts do not decide", "dim"),
}


def render(report: AnyReport, options: RenderOptions) -> str:
    """The report as text."""
    lines: list[Line] = []
    if report.verb in VIEWS.names():
        lines.extend(VIEWS.get(report.verb)(report, options))
    for heading, style, findings in _groups(report):
        lines.append(line((say(heading), style)))
        for finding in findings:
            lines.extend(_finding(finding, options))
            lines.append(line())
    lines.extend(_crashed(report, options))
    if options.verbose:
        lines.extend(_named(report))
    lines.extend(_summary(report, options))
    return write(lines, options)


def _groups(report: AnyReport) -> Iterator[tuple[str, str, tuple[Finding, ...]]]:
    if report.ranked:
        for heading, style, findings in (
            ("Cause", "error", report.findings[:1]),
            ("Also seen", "title", report.findings[1:]),
        ):
            if findings:
                yield heading, style, findings
        return
    for severity, heading in _HEADINGS.items():
        findings = tuple(finding for finding in report.findings if finding.severity is severity)
        if findings:
            yield heading, severity.value, findings


def _finding(finding: Finding, options: RenderOptions) -> Iterator[Line]:
    doubt = _DOUBTS[finding.confidence]
    about = (f"  {finding.subject}", "") if finding.subject else ("", "")
    yield line((finding.cause, "name"), about, (f"  ({say(doubt)})" if doubt else "", "dim"), indent=2, hang=2)
    yield line(finding.message, indent=4, hang=2)
    shown = finding.evidence if options.verbose else finding.evidence[:MOST_EVIDENCE]
    for item in shown:
        yield line((_evidence(item, options), "dim"), indent=4, hang=2)
    if finding.standing is not None:
        yield line((_standing(finding), _STANDINGS[finding.standing][1]), indent=4, hang=2)
    if finding.passed_over:
        yield line((say("not the root: {why}", why=finding.passed_over), "dim"), indent=4, hang=2)
        if not options.verbose:
            return  # what ends the root ends this as well
    for remedy in finding.remedies if options.verbose else finding.remedies[:1]:
        yield from _remedy(remedy, options)
    others = len(finding.remedies) - 1
    if others > 0 and not options.verbose:
        text = say(
            "ways out not shown: {count} (-v, or `airworthy explain {cause}`)", count=others, cause=finding.cause
        )
        yield line((text, "dim"), indent=4, hang=2)


def _standing(finding: Finding) -> str:
    assert finding.standing is not None
    text = say(_STANDINGS[finding.standing][0])
    return say("{text} ({why})", text=text, why=finding.standing_why) if finding.standing_why else text


def _evidence(item: Evidence, options: RenderOptions) -> str:
    value = value_text(item.value)
    if len(value) > MOST_VALUE and not options.verbose:
        value = value[:MOST_VALUE] + " ..."
    about = item.fact if item.line is None else say("line {number}", number=item.line)
    where = f" ({item.source})" if item.source else ""
    return f"{about}: {value}{where}" if about else f"{value}{where}"


def _remedy(remedy: Remedy, options: RenderOptions) -> Iterator[Line]:
    arrow = "→ " if options.terminal else "-> "
    for command in remedy.commands:
        yield line((arrow, "dim"), (command, "command"), indent=4, whole=True)
    for edit in remedy.edits:
        template = "in {path}, replace `{old}` by `{new}`" if edit.old else "add to {path}: `{new}`"
        text = say(template, path=edit.path, old=edit.old, new=edit.new)
        yield line((arrow, "dim"), (text, "command"), indent=4, hang=len(arrow))
    why = line((say("unsafe: "), "warning"), (remedy.why, "dim"), indent=6)
    if remedy.safe or not (remedy.commands or remedy.edits):
        lead = "" if remedy.commands or remedy.edits else arrow
        why = line((lead, "dim"), (remedy.why, "dim" if lead == "" else ""), indent=4 if lead else 6, hang=len(lead))
    yield why


def _crashed(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    crashed = [result for result in report.results if isinstance(result, Crashed)]
    if not crashed:
        return
    yield line((say("Checks that crashed"), "error"))
    yield line(
        say("This is an internal error of airworthy, not a fault of what it inspected; please report it."), indent=2
    )
    for result in crashed:
        trace = result.trace.rstrip().splitlines() or [""]
        yield line((result.check, "name"), ("  " + trace[-1].strip(), "dim"), indent=2, hang=2)
        if options.verbose:
            yield from (line((row, "dim"), indent=4) for row in trace)
    yield line()


def _named(report: AnyReport) -> Iterator[Line]:
    skipped = [(result.check, result.reason) for result in report.results if isinstance(result, Skipped)]
    passed = [(result.check, result.note) for result in report.results if isinstance(result, Passed)]
    for heading, rows in (("Skipped", skipped), ("Passed", passed)):
        if rows:
            yield line((say(heading), "title"))
            yield from table([(check, text) for check, text in rows], indent=2, styles=("", "dim"))
            yield line()


def _summary(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    if not report.results or report.ranked:
        return
    counts = {kind: sum(isinstance(r, kind) for r in report.results) for kind in (Passed, Failed, Skipped, Crashed)}
    pieces: list[str | tuple[str, str]] = [
        (say("{count} passed", count=counts[Passed]), "good" if counts[Passed] else ""),
        ", ",
        (say("{count} failed", count=counts[Failed]), "error" if counts[Failed] else ""),
        ", ",
        (say("{count} skipped", count=counts[Skipped]), ""),
    ]
    if counts[Skipped] and not options.verbose:
        pieces.append((say(" (-v names them)"), "dim"))
    if counts[Crashed]:
        pieces += [", ", (say("{count} crashed", count=counts[Crashed]), "error")]
    yield line(*pieces)
