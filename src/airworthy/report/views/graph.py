"""The lines of `graph`."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table
from airworthy.report.plain import value_text


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy graph`."""
    answer = report.data
    template = "{of}: {nodes} nodes, {edges} requirements, {unmet} of them not satisfied"
    yield line(say(template, of=answer["of"], nodes=answer["nodes"], edges=answer["edges"], unmet=answer["unmet"]))
    if answer.get("output"):
        folded = sum(len(fold["members"]) for fold in answer.get("folds", ()))
        text = say("{output} written, {drawn} boxes", output=answer["output"], drawn=answer["drawn"])
        yield line(text + (say(", {count} nodes folded", count=folded) if folded else ""))
    for conflict in answer.get("conflicts") or ():
        found = conflict["version"] or say("nothing")
        text = say(
            "{package} wants {requires}, and {found} is there",
            found=found,
            **{k: conflict[k] for k in ("package", "requires")},
        )
        yield line((text, "error"), indent=2)
    for path in answer.get("paths") or ():
        yield line(" -> ".join(key.partition(":")[2] for key in path), indent=2, hang=4)
    if "affected" in answer:
        yield line(say("{count} nodes require it:", count=len(answer["affected"])))
        for key in answer["affected"] if options.verbose else answer["affected"][:100]:
            yield line(key.partition(":")[2], indent=2)
    if "rows" in answer:
        rows = answer["rows"]
        names = tuple(rows[0]) if rows else ()
        yield from table(
            [names, *(tuple(value_text(row.get(name)) for name in names) for row in rows)], styles=("name",)
        )
        yield line((say("{count} rows from {engine}", count=len(rows), engine=answer["engine"]), "dim"))
    if "pushed" in answer:
        sent = answer["pushed"]
        template = "{url} holds {nodes} nodes and {edges} requirements of it; {removed} older nodes removed"
        yield line(say(template, **sent))
