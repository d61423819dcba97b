"""What a model file or folder is, as a short table and its longest lists cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airworthy.core.report import Report
from airworthy.core.words import say
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

MOST_OPERATORS = 10
"""Operators shown unless everything is asked for."""
MOST_FILES = 12
"""Files shown unless everything is asked for."""


def view(report: Report, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy inspect`."""
    model: dict[str, Any] = report.answer["model"]
    yield line((model["name"], "title"), (f"  {model['path']}", "dim"))
    yield from table(list(_summary(model)), indent=2, styles=("dim", ""))
    yield line()
    for heading, key in (("Inputs", "inputs"), ("Outputs", "outputs")):
        yield from _section(heading, [_tensor(spec) for spec in model[key]], 0)
    operators = [(op["name"], str(op["count"]), op["domain"]) for op in model["operators"]]
    yield from _section("Operators", operators, 0 if options.verbose else MOST_OPERATORS)
    files = [(f["path"], say("{size:bytes}", size=f["size"]), f.get("format", "")) for f in model["files"]]
    yield from _section("Files", files, 0 if options.verbose else MOST_FILES)


def _summary(model: dict[str, Any]) -> Iterator[tuple[str, str]]:
    count = model["parameters"]
    versions = ", ".join(f"{name} {number}" for name, number in model["versions"].items())
    weights = ", ".join(say("{name} {size:bytes}", name=n, size=s) for n, s in model["datatypes"].items())
    rows = (
        ("format", model["format"]),
        ("task", model["task"]),
        ("architecture", model["architecture"]),
        ("size", say("{size:bytes}", size=model["size"])),
        ("parameters", say("{count:count}", count=count) if count is not None else ""),
        ("weights", weights),
        ("versions", versions),
        ("producer", model["producer"]),
        ("longest input", say("{count} tokens", count=model["max_length"]) if model["max_length"] else ""),
        ("tokenizer", model["tokenizer"]),
    )
    return ((say(name), text) for name, text in rows if text)


def _tensor(spec: dict[str, Any]) -> tuple[str, ...]:
    symbols = spec["symbols"] or [""] * len(spec["shape"])
    sizes = (symbol or ("?" if size < 0 else str(size)) for size, symbol in zip(spec["shape"], symbols, strict=False))
    return spec["name"], spec["datatype"], f"[{', '.join(sizes)}]"


def _section(heading: str, rows: Sequence[tuple[str, ...]], most: int) -> Iterator[Line]:
    if not rows:
        return
    yield line((say(heading), "title"))
    yield from table(rows[:most] if most else rows, indent=2)
    if most and len(rows) > most:
        yield line((say("{count} more; -v shows them", count=len(rows) - most), "dim"), indent=2)
    yield line()
