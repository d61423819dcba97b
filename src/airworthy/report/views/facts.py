"""The facts, grouped by what they are about, each with its value and where it was read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.core.version import Version
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table
from airworthy.report.plain import value_text

MOST_ITEMS = 12
"""Members of a list that are shown unless everything is requested."""

MOST_DIFFERENCES = 25
"""Differences between two machines that are shown unless everything is requested."""

MOST_VALUE = 100
"""Characters of a value shown unless everything is requested."""

Row = tuple[str, str, str]


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy facts`."""
    if "differences" in report.data:
        yield from _differences(report, options)
        return
    groups: dict[str, list[Row]] = {}
    for name, entry in report.data["facts"].items():
        groups.setdefault(name.partition(".")[0], []).extend(_rows(name, entry, options))
    missing = () if options.verbose else _missing(report.data["facts"])
    for group, rows in groups.items():
        if group in missing:
            continue
        yield line((group, "title"))
        yield from table(rows, indent=2, styles=("name", "", "dim"))
        yield line()
    if missing:
        yield line((say("not here"), "title"))
        yield line(say("{groups} (-v says how that is known)", groups=missing), indent=2)
        yield line()
    note = _two_versions_of_cuda(report.data["facts"])
    if note:
        yield line((note, "dim"))
    unknown = sum("unknown" in entry for entry in report.data["facts"].values())
    text = say("{known} facts, {unknown} unknown", known=len(report.data["facts"]) - unknown, unknown=unknown)
    yield line(text, (say("  taken {when}", when=report.data["taken"]), "dim"))


def _two_versions_of_cuda(facts: dict[str, dict[str, Any]]) -> str:
    """What `nvcc` and `nvidia-smi` each mean where they name different versions of CUDA."""
    driver, toolkit = (facts.get(name, {}).get("value") for name in ("nvidia.cuda", "cuda.toolkit"))
    if driver is None or toolkit is None or driver == toolkit:
        return ""
    template = "the driver runs CUDA {driver} and older (nvidia-smi), and CUDA {toolkit} compiles here (nvcc): "
    if Version(toolkit).numbers[:2] > Version(driver).numbers[:2]:
        template += "what is compiled here may need a newer driver"
    else:
        template += "two things, which fit together"
    return say(template, driver=driver, toolkit=toolkit)


def _differences(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy facts --compare`."""
    differences = report.data["differences"]
    first, second = report.data["compared"]
    if not differences:
        yield line(say("no difference that could matter between {first} and {second}", first=first, second=second))
        return
    shown = differences if options.verbose else differences[:MOST_DIFFERENCES]
    rows = [("", first, second)]
    for each in shown:
        name = f"{each['fact']} {each['about']}".rstrip()
        values = [_side(each, side, options) for side in ("first", "second")]
        rows.append((name, values[0], values[1]))
    head, *body = table(rows, styles=("name", "", ""))
    yield Line(tuple((text, "title") for text, _ in head.pieces), head.indent, head.hang)
    yield from body
    if len(shown) < len(differences):
        yield line((say("{count} more; -v shows them", count=len(differences) - len(shown)), "dim"))


def _side(difference: dict[str, Any], side: str, options: RenderOptions) -> str:
    value = difference[side]
    if value is None:
        return say("unknown: {reason}", reason=difference["note"]) if difference["note"] else say("none")
    if isinstance(value, dict):
        if list(value) == ["version"]:
            return _cut(value_text(value["version"]), options)
        return _cut("  ".join(f"{name}={_scalar(name, item)}" for name, item in value.items()), options) or say("there")
    return _cut(_scalar(difference["fact"], value), options)


def _missing(facts: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """The groups in which nothing is known but that there is no such thing: makers whose devices are not here."""
    groups = dict.fromkeys(name.partition(".")[0] for name in facts)
    for name, entry in facts.items():
        if not entry.get("absent"):
            groups.pop(name.partition(".")[0], None)
    return tuple(groups)


def _rows(name: str, entry: dict[str, Any], options: RenderOptions) -> Iterator[Row]:
    if "unknown" in entry:
        yield name, say("unknown"), entry["unknown"]
    elif entry.get("absent"):
        yield name, say("none"), entry["source"]
    elif isinstance(entry["value"], list) and any(isinstance(item, dict) for item in entry["value"]):
        yield from _list_rows(name, entry, options)
    else:
        yield name, _cut(_scalar(name, entry["value"]), options), entry["source"]


def _list_rows(name: str, entry: dict[str, Any], options: RenderOptions) -> Iterator[Row]:
    items = entry["value"]
    shown = items if options.verbose else items[:MOST_ITEMS]
    for number, item in enumerate(shown):
        yield name if number == 0 else "", _cut(_fields(item), options), entry["source"] if number == 0 else ""
    if len(shown) < len(items):
        yield "", say("{count} more; -v shows them", count=len(items) - len(shown)), ""


def _cut(text: str, options: RenderOptions) -> str:
    return text if options.verbose or len(text) <= MOST_VALUE else text[:MOST_VALUE] + " ..."


def _fields(item: dict[str, Any]) -> str:
    texts = [f"{key}={_scalar(key, value)}" for key, value in item.items() if value not in (None, "", [], ())]
    return "  ".join(texts)


_BYTES = ("memory", "total", "free", "size", "available", "limit")


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and _is_bytes(name):
        return say("{value:bytes}", value=value)
    return value_text(value)


def _is_bytes(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last in _BYTES or last in ("memory_free", "memory_total")
