"""The lines of `lock` and `sync`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

MOST_ROWS = 30
"""Differences that are shown unless everything is requested."""


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy lock`, `lock --check` and `lock --diff`."""
    answer = report.data
    if "differences" in answer:
        yield from _changes(answer["differences"], options)
    elif "environment" in answer:
        yield from _check(answer, options)
    elif answer["verdict"] == "no-solution":
        yield from _contradiction(answer["contradiction"])
    else:
        template = "{packages} packages from {source} locked in {path}"
        yield line(say(template, packages=answer["packages"], source=answer["source"], path=answer["path"]))
        yield from _platforms(answer.get("platforms", ()), options)
        yield from _changes(answer.get("changes", ()), options)
        if answer.get("wheelhouse"):
            template = "{files} files in {folder}, {fetched} of them fetched now"
            yield line(
                say(template, files=answer["files"], folder=answer["wheelhouse"], fetched=answer.get("fetched", 0))
            )
    yield line()


def _platforms(rows: Any, options: RenderOptions) -> Iterator[Line]:
    shown = []
    for row in rows:
        built, missing = row.get("built", ()), row.get("missing", ())
        if not built and not missing and not options.verbose:
            continue
        text = say("{count} packages", count=row["packages"])
        text += say("; built from source: {names}", names=tuple(built)) if built else ""
        text += say("; not to be had: {names}", names=tuple(missing)) if missing else ""
        shown.append((row["platform"], row["python"], text))
    full = len(rows) - len(shown)
    if rows and full and not options.verbose:
        yield line(
            (say("{count} of {all} platforms and Pythons have a wheel of everything", count=full, all=len(rows)), "dim")
        )
    yield from table(shown, indent=2, styles=("name", "", "dim"))


def _changes(rows: Any, options: RenderOptions) -> Iterator[Line]:
    if not rows:
        yield line((say("nothing differs from the lock before"), "dim"))
        return
    shown = rows if options.verbose else rows[:MOST_ROWS]
    cells = [
        (
            row["package"],
            ", ".join(row["old"]) or "-",
            "->",
            (", ".join(row["new"]) or "-") + (say(" (other files)") if row["files"] else ""),
        )
        for row in shown
    ]
    yield from table(cells, indent=2, styles=("name", "", "dim", ""))
    if len(rows) > len(shown):
        yield line((say("{count} more (-v)", count=len(rows) - len(shown)), "dim"), indent=2)


def _check(answer: dict[str, Any], options: RenderOptions) -> Iterator[Line]:
    template = "{compared} packages of {lock} compared with {environment}, {files} files with their records"
    yield line(
        say(
            template,
            compared=answer["compared"],
            lock=answer["lock"],
            environment=answer["environment"],
            files=answer["files"],
        )
    )
    rows = answer.get("drifts", ())
    shown = rows if options.verbose else rows[:MOST_ROWS]
    cells = [(row["package"], say(row["kind"]), row.get("locked") or "-", row.get("found") or "-") for row in shown]
    if cells:
        yield from table(
            [(say("package"), say("kind"), say("locked"), say("found")), *cells], indent=2, styles=("name",)
        )
    else:
        yield line((say("they are the same"), "good"))


def _contradiction(found: dict[str, Any]) -> Iterator[Line]:
    yield line((say("No versions satisfy all of these together:"), "error"))
    for requirement in found["smallest"]:
        yield line(requirement, indent=4)
    if not found.get("complete", True):
        yield line((say("there may be a smaller set: the limit of trials came first"), "dim"), indent=4)
    for each in found.get("relaxations", ()):
        if each.get("instead"):
            text = say(
                "`{new}` in place of `{old}` is resolved, with {version}",
                new=each["instead"],
                old=each["requirement"],
                version=each.get("version", ""),
            )
        else:
            text = say("without `{old}` it is resolved", old=each["requirement"])
        yield line((say("tried: "), "good"), text, indent=2)


def sync(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy sync`."""
    del options
    answer = report.data
    if answer.get("recovered"):
        yield line((say("an interrupted restoration was taken back first"), "warning"))
    template = "{environment} restored from {lock}: {packages} packages, {files} files as recorded"
    yield line(
        say(
            template,
            environment=answer["environment"],
            lock=answer["lock"],
            packages=answer["packages"],
            files=answer["files"],
        )
    )
    proof = answer.get("proof")
    if proof:
        template = "{files} files of {packages} packages are those of the wheels that were locked"
        yield line(say(template, files=proof["files"], packages=proof["packages"]))
        if proof.get("unproven"):
            yield line((say("not proven by a wheel: {names}", names=tuple(proof["unproven"])), "warning"))
