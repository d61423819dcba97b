"""The lines before the findings of `deps`: what is there, the tree of `--why`, chains of conflicts, libraries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

MOST_CHAINS = 4
"""Chains of one side that are shown unless everything is requested."""


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy deps`."""
    answer = report.data
    installers = ", ".join(f"{count} {name or say('unknown')}" for name, count in answer["installers"].items())
    template = "{prefix}: Python {python}, {count} packages ({installers}), {roots} roots"
    yield line(
        say(
            template,
            prefix=answer["prefix"],
            python=answer["python"],
            count=answer["packages"],
            installers=installers or say("none"),
            roots=len(answer["roots"]),
        )
    )
    yield line()
    if answer.get("why"):
        yield from _tree(answer["why"])
        yield line()
    if answer.get("conflicts"):
        yield from _conflicts(answer, options)
    if answer.get("origins") or answer.get("hidden"):
        yield from _origins(answer)
    if "records" in answer:
        counts = answer["records"]
        yield line(
            say(
                "{files} files of {packages} packages compared with their records, {faults} not as recorded",
                files=counts["files"],
                packages=counts["packages"],
                faults=len(counts["faults"]),
            )
        )
        yield line()
    if "libraries" in answer:
        yield from _libraries(answer, options)


def _tree(rows: list[dict[str, Any]]) -> Iterator[Line]:
    for row in rows:
        extra = say(" [{extra}]", extra=row["extra"]) if row.get("extra") else ""
        version = row["version"] or say("not installed")
        wants = say("wants {requires}", requires=row["requires"]) if row.get("requires") else ""
        notes = [say("root")] if row.get("root") else []
        notes += [say("shown above")] if row.get("folded") else []
        yield line(
            (row["package"], "name"),
            f" {version}{extra}  ",
            (wants, "error" if not row.get("met", True) else "dim"),
            (f"  ({', '.join(notes)})" if notes else "", "dim"),
            indent=2 * row["depth"],
        )


def _conflicts(answer: dict[str, Any], options: RenderOptions) -> Iterator[Line]:
    yield line((say("Conflicts"), "title"))
    for conflict in answer["conflicts"]:
        installed = conflict["installed"] or say("not installed")
        yield line((conflict["package"], "name"), f" {installed}", indent=2)
        sides = [("unmet", "error", conflict["unmet"]), ("met", "good", conflict["met"])]
        for name, style, chains in sides:
            shown = chains if options.verbose else chains[:MOST_CHAINS]
            for chain in shown:
                steps = " > ".join(f"{step['package']} {step['version']}" for step in chain["steps"])
                wants = chain["steps"][-1]["requires"]
                yield line(
                    (f"{say(name):6}", style),
                    f"{say('from {root}', root=chain['root'])}: {steps} ",
                    (say("wants {wants}", wants=wants), style),
                    indent=4,
                    hang=6,
                )
            if len(chains) > len(shown):
                yield line((say("{count} more (-v)", count=len(chains) - len(shown)), "dim"), indent=10)
    solution = answer.get("solution") or {}
    for change in solution.get("changes", ()):
        text = f"{change['package']} {change['old'] or '-'} -> {change['new'] or '-'}"
        yield line((say("change"), "good"), f" {text}", indent=2)
    if solution.get("changes"):
        template = "smallest, no part can be left out; {tried}" if solution.get("minimal") else "resolved; {tried}"
        yield line((say(template, tried=solution["tried"]), "dim"), indent=4)
    elif solution.get("explanation"):
        yield line((say("no releases of these packages go together"), "error"), indent=2)
        yield line((solution["explanation"], "dim"), indent=4)
    elif solution.get("unavailable"):
        yield line((say("no change was tried: {reason}", reason=solution["unavailable"]), "warning"), indent=2)
    yield line()


def _origins(answer: dict[str, Any]) -> Iterator[Line]:
    yield line((say("Not from an index, or not imported"), "title"))
    rows = [
        (each["package"], each["version"], (say("editable, ") if each["editable"] else "") + each["url"])
        for each in answer.get("origins", ())
    ]
    rows += [
        (each["package"], each["version"], say("hidden by {used}: {path}", used=each["used"], path=each["path"]))
        for each in answer.get("hidden", ())
    ]
    yield from table(rows, indent=2, styles=("name", "", "dim"))
    yield line()


def _libraries(answer: dict[str, Any], options: RenderOptions) -> Iterator[Line]:
    rows = answer["libraries"]
    counts: dict[str, int] = {}
    for row in rows:
        key = "sbom" if row.get("evidence") == "sbom" else row["provider"]
        counts[key] = counts.get(key, 0) + 1
    text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    yield line(say("native libraries by where they come from: {text}", text=text or say("none")))
    shown = [
        row for row in rows if options.verbose or row["provider"] in {"missing", "driver"} or not row.get("found", True)
    ]
    yield from table(
        [
            (
                f"{row['by']} -> {row['soname']}",
                row.get("owner") or say(row["provider"]),
                say("{provider}, read from {evidence}", provider=row["provider"], evidence=row.get("evidence", "elf"))
                + ("" if row.get("found", True) else say("; the loader does not look there")),
            )
            for row in shown
        ],
        indent=2,
        styles=("name", "", "dim"),
    )
    for name, what in (answer.get("drivers") or {}).items():
        yield line(f"{name}: {what}", indent=2)
    yield line()
