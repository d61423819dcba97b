"""The lines before the findings of `audit-deps`."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

MOST_UNKNOWN = 10
"""Unknown releases that are named unless everything is requested."""
_VERDICTS = {
    "clean": ("nothing published is about these releases", "good"),
    "affected": ("published findings are about these releases", "error"),
    "unknown": ("not known: something could not be asked", "warning"),
}


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy audit-deps`."""
    answer = report.data
    text, style = _VERDICTS[answer["verdict"]]
    yield line(say("{count} releases of {of}: ", count=answer["releases"], of=answer["of"]), (say(text), style))
    for source in answer["sources"]:
        age = source.get("age_days")
        aged = say(", {age:.1f} days old", age=age) if age is not None else ""
        template = "{source}: answered about {answered}, not about {unavailable}"
        named = {key: source[key] for key in ("source", "answered", "unavailable")}
        broken = say(", {count} advisories not readable", count=source["broken"]) if source.get("broken") else ""
        yield line((say(template, **named) + aged + broken, "dim"), indent=2)
    suppressed = [each for each in answer.get("vulnerabilities", ()) if each.get("suppressed")]
    for each in suppressed:
        template = "suppressed: {package} {version}, {id}, {why}"
        yield line(
            (
                say(template, package=each["package"], version=each["version"], id=each["id"], why=each["suppressed"]),
                "dim",
            ),
            indent=2,
        )
    unknown = answer.get("unknown", ())
    shown = unknown if options.verbose else unknown[:MOST_UNKNOWN]
    if unknown:
        yield line((say("Unknown"), "title"))
        yield from table(
            [(f"{e['package']} {e['version']}", e["reason"]) for e in shown], indent=2, styles=("name", "dim")
        )
        if len(unknown) > len(shown):
            yield line((say("{count} more (-v)", count=len(unknown) - len(shown)), "dim"), indent=2)
    repair = answer.get("repair")
    if repair:
        for each in repair["raised"]:
            yield line((say("raised"), "good"), f" {each['package']} {each['old']} -> {each['new'] or '-'}", indent=2)
        for each in repair["blocked"]:
            template = "{package} {version} cannot be raised to {tried}"
            tried = tuple(each["tried"]) or say("any version")
            yield line(
                (say(template, package=each["package"], version=each["version"], tried=tried), "error"), indent=2
            )
            yield line((each["why"], "dim"), indent=4)
        if repair["written"]:
            proven = say(", restored to prove it") if repair["restored"] else ""
            yield line(say("the lock was replaced{proven}", proven=proven), indent=2)
    if answer.get("sbom"):
        yield line(say("{path} written", path=answer["sbom"]))
    yield line()
