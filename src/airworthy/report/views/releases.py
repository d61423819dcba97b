"""What `airworthy release` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

MAX_ROLLOUTS = 5
"""Rollouts of a name that are shown."""


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of whichever of its commands was run."""
    del options
    answer = report.data
    for field, lines in _VIEWS.items():
        if field in answer:
            yield from lines(answer)
            return


def _list(answer: dict[str, Any]) -> Iterator[Line]:
    rows = [(say("RELEASE"), say("STATE"), say("SIZE"), say("FORMAT"), say("ADDED"), "")]
    for row in answer["releases"]:
        title = f"{row['name']}@{row['version']}"
        notes = [", ".join(row["aliases"]), say("lacks: {lacks}", lacks=row["lacks"]) if row["lacks"] else ""]
        size = say("{size:bytes}", size=row["size"])
        note = "; ".join(note for note in notes if note)
        rows.append((title, row["state"], size, row["format"], row["at"][:19], note))
    if len(rows) == 1:
        yield line(say("no releases; `airworthy release add MODEL --as NAME` adds one"))
        return
    yield from table(rows, styles=("name",))


def _added(answer: dict[str, Any]) -> Iterator[Line]:
    manifest = answer["added"]
    title = f"{manifest['name']}@{manifest['version']}"
    how = ", ".join(f"{count} {method}" for method, count in answer["methods"].items())
    size = sum(file["size"] for file in manifest["files"])
    template = "{title} is added: {count} file(s), {size:bytes} ({how})"
    yield line(say(template, title=title, count=len(manifest["files"]), size=size, how=how))
    yield from _verdicts(manifest)
    yield from _lacking(answer["lacks"])
    if not answer["lacks"]:
        yield line(say("next: "), (f"airworthy release promote {title}", "command"))


def _verdicts(manifest: dict[str, Any]) -> Iterator[Line]:
    inspected, scan = manifest["inspection"], manifest["scan"]
    found = scan.get("findings") or scan.get("skipped") or ()
    signature = manifest["signature"]
    rows = [
        (
            say("model"),
            ", ".join(filter(None, (inspected["format"], inspected.get("architecture"), inspected.get("task")))),
        ),
        (say("checks"), ", ".join([scan["verdict"], *found])),
        (say("signature"), " ".join(filter(None, (signature["verdict"], signature.get("signer", "")[:64])))),
        (say("gate"), manifest["gate"]["verdict"]),
        (say("licence"), manifest["licence"] or say("not known")),
    ]
    yield from table(rows, indent=2, styles=("dim",))


def _lacking(lacks: list[str]) -> Iterator[Line]:
    for why in lacks:
        yield line((say("can't be promoted: "), "warning"), why)


def _shown(answer: dict[str, Any]) -> Iterator[Line]:
    manifest = answer["manifest"]
    title = f"{manifest['name']}@{manifest['version']}"
    yield line((title, "name"), say("  {state}", state=answer["state"]), ("  " + ", ".join(answer["aliases"]), "dim"))
    yield line(say("added {at} by {principal}", at=manifest["at"], principal=manifest["principal"]), indent=2)
    if manifest["note"]:
        yield line(manifest["note"], indent=2)
    yield from _verdicts(manifest)
    yield from _lacking(answer["lacks"])
    files = [(file["path"], say("{size:bytes}", size=file["size"]), file["digest"][:16]) for file in manifest["files"]]
    yield line((say("Files"), "title"))
    yield from table(files, indent=2)
    for problem in answer["problems"]:
        yield line((say("damaged: "), "error"), problem, indent=2)
    if not answer["problems"]:
        proof = say("every byte is as it was added") if answer["verified"] else say("sizes are as they were added")
        yield line((proof, "good"), indent=2)
    if answer["rollouts"]:
        yield line((say("Rollouts"), "title"))
        for rollout in answer["rollouts"][:MAX_ROLLOUTS]:
            yield from _rollout(rollout)


def _rollout(rollout: dict[str, Any]) -> Iterator[Line]:
    template = "{at}  {kind} {version}: {state}, by {principal}"
    yield line(say(template, **{**rollout, "at": rollout["at"][:19]}), indent=2)
    for key, value in rollout["detail"].items():
        if isinstance(value, (str, int, float)) and value != "":
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            yield line((f"{key.replace('_', ' ')}: {shown}", "dim"), indent=4, hang=2)


def _differences(answer: dict[str, Any]) -> Iterator[Line]:
    if not answer["differences"]:
        yield line(say("{old} and {new} are equal", **answer))
        return
    rows = [(say("WHAT"), answer["old"], answer["new"])]
    yield from table([*rows, *(tuple(value or "-" for value in row) for row in answer["differences"])], styles=("dim",))


def _collected(answer: dict[str, Any]) -> Iterator[Line]:
    for title in answer["removed"]:
        yield line(say("would go: {title}", title=title) if answer["dry_run"] else say("removed: {title}", title=title))
    template = "{contents} file(s) that no release needs: {freed:bytes}"
    yield line(say(template, contents=answer["contents"], freed=answer["freed"]))


def _aliases(answer: dict[str, Any]) -> Iterator[Line]:
    if not answer["aliases"]:
        yield line(say("{name} has no aliases", name=answer["name"]))
    yield from table([(alias, f"{answer['name']}@{version}") for alias, version in answer["aliases"].items()])


def _ended(answer: dict[str, Any]) -> Iterator[Line]:
    rollout, name = answer["rollout"], answer["name"]
    active = say("no version") if answer["active"] is None else f"{name}@{answer['active']}"
    yield line(say("serving: {active}", active=active))
    yield from _rollout(rollout)


_VIEWS = {
    "releases": _list,
    "added": _added,
    "manifest": _shown,
    "differences": _differences,
    "contents": _collected,
    "aliases": _aliases,
    "rollout": _ended,
}
"""The field that marks an answer → its lines; `aliases` of `release show` stands behind its manifest."""
