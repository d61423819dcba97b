"""The page about a model: what it is, what is wrong with it, its layers. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from airworthy.core.finding import Finding
from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.page.drawings import shares
from airworthy.report.page.escape import Html, joined, tag
from airworthy.report.page.layers import tree

MOST_FINDINGS = 200
"""Findings that are reported."""
MOST_ROWS = 300
"""Rows of a table."""


class MatrixTable(NamedTuple):
    """A table of operators by target, where one was made."""

    targets: tuple[str, ...]
    """The targets, one a column."""
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """An operator and, for each target, a word and its tone: `good`, `warn`, `bad` or nothing."""
    notes: tuple[str, ...] = ()
    """What is reported below it."""


@cache
def _style() -> str:
    return (files("airworthy.report.page") / "style.css").read_text(encoding="utf-8")


def page(report: AnyReport, matrix: MatrixTable | None = None) -> str:
    """A report of `inspect` as one page.

    Args:
        report: what was found out; tensors are drawn where its answer has `tensors` or `health`.
        matrix: operators by target; that of the answer's `targets` when None.
    """
    matrix = matrix or _matrix_of(report.data)
    model = report.data["model"]
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = [
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="referrer" content="no-referrer">'),
        tag("title", say("{name}, a model", name=model["name"])),
        Html(f"<style>{_style()}</style>"),
    ]
    body = tag("main", joined(_parts(report, model, matrix)))
    return f'<!doctype html>\n<html lang="en">\n<head>{joined(head)}</head>\n<body>{body}</body>\n</html>\n'


_TONES = {"runs": "good", "shape": "good", "falls": "warn", "missing": "bad"}


def _matrix_of(answer: dict[str, Any]) -> MatrixTable | None:
    """The table of the answer's `targets`, where it was requested."""
    told = answer.get("targets")
    if not told or not told["shares"]:
        return None
    names = tuple(share["target"] for share in told["shares"])
    rows = []
    for use in told["uses"]:
        verdicts = [str(use["targets"].get(name, {}).get("verdict", "unknown")) for name in names]
        types = ", ".join(dict.fromkeys(each for each in use["inputs"] if each))
        cells = tuple((verdict, _TONES.get(verdict, "soft")) for verdict in verdicts)
        rows.append((f"{use['operator']} ({types}) \u00d7 {use['nodes']}", cells))
    return MatrixTable(names, tuple(rows), tuple(f"{each['target']}: {each['version']}" for each in told["shares"]))


def _parts(report: AnyReport, model: dict[str, Any], matrix: MatrixTable | None) -> Iterator[Html]:
    yield tag("h1", model["name"])
    yield tag("p", model["path"], class_="path mono")
    yield tag("ul", joined(_chips(report, model)), class_="chips")
    yield from _findings(report.findings)
    about = _section(say("What it is"), _table(_about(model)))
    weights = _section(say("Weights"), shares(model["datatypes"])) if model["datatypes"] else Html("")
    yield tag("div", about, joined([weights, _loaded(report.data)]), class_="pair")
    tensors = _tensors(report.data)
    if tensors:
        yield _section(say("Layers"), tree(tensors))
    yield from _keys(report.data.get("keys"))
    if matrix is not None:
        yield _matrix(matrix)
    for heading, key in ((say("Inputs"), "inputs"), (say("Outputs"), "outputs")):
        if model[key]:
            rows = [(each["name"], each["datatype"], str(each["shape"])) for each in model[key]]
            yield _section(heading, _table(rows))
    if model["operators"]:
        rows = [(each["name"], each["count"], each["domain"]) for each in model["operators"]]
        yield _section(say("Operators"), _table(rows))
    yield _section(say("Files"), _table(_files(report.data, model)))
    yield tag("footer", say("Made by airworthy inspect. This page loads nothing and runs nothing."))


def _chips(report: AnyReport, model: dict[str, Any]) -> Iterator[Html]:
    yield tag("li", tag("b", model["format"]))
    yield tag("li", say("{size:bytes}", size=model["size"]))
    if model["parameters"] is not None:
        yield tag("li", say("{count:count} parameters", count=model["parameters"]))
    if model["tensors"]:
        yield tag("li", say("{count} tensors", count=model["tensors"]))
    worst = report.worst
    tone = "good" if worst is None else {"error": "bad", "warning": "warn"}.get(worst.value, "soft")
    told = say("{count} findings", count=len(report.findings)) if report.findings else say("nothing found against it")
    yield tag("li", told, class_=tone)


def _findings(findings: Sequence[Finding]) -> Iterator[Html]:
    if not findings:
        return
    parts = []
    for each in findings[:MOST_FINDINGS]:
        why = [tag("p", remedy.why, class_="soft") for remedy in each.remedies[:3]]
        commands = [tag("p", tag("code", command)) for remedy in each.remedies[:3] for command in remedy.commands]
        heading = tag("p", tag("b", each.severity.value), " ", tag("code", each.cause), " ", each.subject)
        parts.append(
            tag("div", heading, tag("p", each.message), *why, *commands, class_=f"finding {each.severity.value}")
        )
    if len(findings) > MOST_FINDINGS:
        parts.append(tag("p", say("{count} more", count=len(findings) - MOST_FINDINGS), class_="soft"))
    yield _section(say("Findings"), joined(parts))


def _about(model: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    rows = (
        (say("architecture"), model["architecture"]),
        (say("task"), model["task"]),
        (say("quantised"), model["quantization"]),
        (say("producer"), model["producer"]),
        (say("versions"), ", ".join(f"{name} {number}" for name, number in model["versions"].items())),
        (say("longest input"), say("{count} tokens", count=model["max_length"]) if model["max_length"] else ""),
        (say("licence"), model["license"]),
        (say("tokenizer"), model["tokenizer"]),
        *model["metadata"].items(),
    )
    return (row for row in rows if row[1])


def _loaded(answer: dict[str, Any]) -> Html:
    parts = []
    if answer.get("engines"):
        parts.append(_section(say("Loaded by"), _table((e["engine"], e["needs"]) for e in answer["engines"])))
    if answer.get("conversions"):
        rows = ((each["to"], tag("code", each["command"])) for each in answer["conversions"])
        parts.append(_section(say("Converted to"), _table(rows)))
    return joined(parts)


def _tensors(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Names and places, with the figures of those that were measured: both are in the order of the files."""
    listed: list[dict[str, Any]] = answer.get("tensors") or []
    measured = (answer.get("health") or {}).get("tensors") or []
    if len(measured) != len(listed):
        return listed
    return [{**figures, **each} for figures, each in zip(measured, listed, strict=True)]


def _keys(keys: dict[str, Any] | None) -> Iterator[Html]:
    if not keys or not (keys["rules"] or keys["missing"] or keys["unexpected"] or keys["tied"]):
        return
    rules = [tag("p", each) for each in keys["rules"]]
    rows = [(name, "\u2192", new) for name, new in keys["mapping"].items()]
    rows += [(keys["near"].get(name, ""), say("missing"), name) for name in keys["missing"]]
    rows += [(name, say("unexpected"), "") for name in keys["unexpected"]]
    rows += [(our, "=", name) for name, our in keys["tied"].items()]
    told = say("{count} names", count=len(rows))
    folded = tag("details", tag("summary", tag("span", told, class_="name")), _table(rows))
    yield _section(say("Names"), joined([*rules, folded]))


def _matrix(matrix: MatrixTable) -> Html:
    head = tag("tr", tag("th", say("operator")), *(tag("th", target) for target in matrix.targets))
    rows = [
        tag("tr", tag("td", tag("code", name)), *(tag("td", word, class_=tone or None) for word, tone in cells))
        for name, cells in matrix.rows[:MOST_ROWS]
    ]
    notes = [tag("p", note, class_="soft") for note in matrix.notes]
    table = tag("div", tag("table", head, *rows), class_="scroll")
    return _section(say("Operators by target"), joined([table, *notes]))


def _files(answer: dict[str, Any], model: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    digests = {each["path"]: [f"{k} {v}" for k, v in each.items() if k != "path"] for each in answer.get("digests", ())}
    for file in model["files"]:
        told = joined(tag("div", tag("code", each)) for each in digests.get(file["path"], ()))
        yield file["path"], say("{size:bytes}", size=file["size"]), file.get("format", ""), told


def _section(heading: str, content: Html) -> Html:
    return tag("section", tag("h2", heading), content)


def _table(rows: Iterable[Sequence[object]]) -> Html:
    made = []
    listed = list(rows)
    for first, *rest in listed[:MOST_ROWS]:
        made.append(tag("tr", tag("th", tag("span", first, class_="mono")), *(tag("td", each) for each in rest)))
    if len(listed) > MOST_ROWS:
        made.append(tag("tr", tag("td", say("{count} more", count=len(listed) - MOST_ROWS), class_="soft")))
    return tag("div", tag("table", *made), class_="scroll")
