"""What a model file or folder is, as a short table and its longest lists cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table
from airworthy.report.views.targets import assigned_view, targets_view

MOST_OPERATORS = 10
"""Operators shown unless everything is requested."""
MOST_FILES = 12
"""Files shown unless everything is requested."""


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy inspect`."""
    model: dict[str, Any] = report.data["model"]
    yield line((model["name"], "title"), (f"  {model['path']}", "dim"))
    rows = [*_summary(model), *_signature(report.data)]
    yield from table(rows, indent=2, styles=("dim", ""))
    yield line()
    for heading, key in (("Inputs", "inputs"), ("Outputs", "outputs")):
        yield from _section(heading, [_tensor(spec) for spec in model[key]], 0)
    operators = [(op["name"], str(op["count"]), op["domain"]) for op in model["operators"]]
    yield from _section("Operators", operators, 0 if options.verbose else MOST_OPERATORS)
    files = [(f["path"], say("{size:bytes}", size=f["size"]), f.get("format", "")) for f in model["files"]]
    yield from _section("Files", files, 0 if options.verbose else MOST_FILES)
    engines = [(each["engine"], each["needs"]) for each in report.data.get("engines", ())]
    yield from _section("Loaded by", engines, 0)
    ways = [(each["to"], ", ".join(each["loaders"]), each["command"]) for each in report.data.get("conversions", ())]
    yield from _section("Converted to", ways, 0)
    if report.data.get("code"):
        parts = [(part["kind"], part["name"], part["detail"]) for part in report.data["code"]]
        yield from _section("Code in it", parts, 0 if options.verbose else MOST_FILES)
    yield from _deeper(report.data, 0 if options.verbose else MOST_FILES)
    yield from _keys(report.data.get("keys"), 0 if options.verbose else MOST_FILES)
    yield from _conversion(report.data.get("conversion"))
    if "targets" in report.data:
        yield from targets_view(report.data["targets"], verbose=options.verbose)
    if "assigned" in report.data:
        yield from assigned_view(report.data["assigned"])


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
        ("tensors", str(model["tensors"]) if model.get("tensors") else ""),
        ("quantised", model.get("quantization", "")),
        ("licence", model.get("license", "")),
        ("weights", weights),
        ("versions", versions),
        ("producer", model["producer"]),
        ("longest input", say("{count} tokens", count=model["max_length"]) if model["max_length"] else ""),
        ("tokenizer", model["tokenizer"]),
        ("encrypted for", model["metadata"].get("recipients", "") if model["format"] == "encrypted" else ""),
        ("open with", model["metadata"].get("opens", "") if model["format"] == "encrypted" else ""),
    )
    return ((say(name), text) for name, text in rows if text)


def _signature(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "signature" in answer:
        told = say("{path}, not proven here: `airworthy verify` does", path=answer["signature"]["path"])
        yield say("signature"), told


def _deeper(answer: dict[str, Any], most: int) -> Iterator[Line]:
    """What was read beyond headers: hashes, the figures of weights, differences."""
    for entry in answer.get("digests", ())[: most or None]:
        hashes = [(f"{name} {value}", "dim") for name, value in entry.items() if name != "path"]
        yield line(entry["path"], "  ", *hashes)
    if "manifest" in answer:
        manifest = answer["manifest"]
        yield line(say("{files} files in {path}, {differ} differ", **manifest))
    if "digests" in answer or "manifest" in answer:
        yield line()
    if "health" in answer:
        health = answer["health"]
        tensors = health["tensors"]
        unread = sum(bool(each.get("note")) for each in tensors)
        told = say("{count} tensors, {bytes:bytes} in {seconds:seconds}", count=len(tensors), **_figures(health))
        yield line((say("Weights"), "title"), f"  {told}", (say("  {count} not read", count=unread) if unread else ""))
        if not most:
            yield from table([_weight(each) for each in tensors], indent=2)
        yield line()
    if "differences" in answer:
        rows = sorted(answer["differences"], key=lambda each: -each["relative"])
        shown = [(each["name"], f"{each['relative']:.2%}", f"{each['largest']:.3g}") for each in rows]
        yield from _section("Differences", shown, most)


def _keys(keys: dict[str, Any] | None, most: int) -> Iterator[Line]:
    """How names fit, and what mends them."""
    if not keys:
        return
    counts = {name: len(keys[name]) for name in ("mapping", "missing", "unexpected", "misshapen", "tied")}
    template = (
        "{matched} fit {against} as they are, {mapping} by another name; {missing} missing, {unexpected} unexpected, "
        "{misshapen} of other shape, {tied} tied"
    )
    yield line((say("Names"), "title"), "  ", say(template, matched=keys["matched"], against=keys["against"], **counts))
    for rule in keys["rules"]:
        yield line(rule, indent=2)
    rows = [(name, "→", new) for name, new in keys["mapping"].items()]
    rows += [
        (keys["near"].get(name, ""), "≈" if name in keys["near"] else say("missing"), name) for name in keys["missing"]
    ]
    rows += [(our, "=", name) for name, our in keys["tied"].items()]
    yield from table(rows[:most] if most else rows, indent=2)
    if most and len(rows) > most:
        yield line((say("{count} more; -v shows them", count=len(rows) - most), "dim"), indent=2)
    yield line()


def _conversion(conversion: dict[str, Any] | None) -> Iterator[Line]:
    if not conversion:
        return
    yield line((say("Conversion"), "title"))
    if conversion["refused"]:
        yield line(say("nothing is written: {reason}", reason=conversion["refused"]), indent=2)
    for each in conversion["written"]:
        yield line(say("{path}: {tensors} tensors, {bytes:bytes}", **each), indent=2)
        if each["copied"]:
            told = say("{count} shared their storage and have bytes of their own now", count=len(each["copied"]))
            yield line((told, "dim"), indent=2)
        if each["left_out"]:
            yield line((say("{count} others, no weights, are left out", count=each["left_out"]), "dim"), indent=2)
        given_up = tuple(each["given_up"])
        yield line((say("the process that read it had given up: {given_up}", given_up=given_up), "dim"), indent=2)
    yield line()


def _figures(health: dict[str, Any]) -> dict[str, Any]:
    return {"bytes": health["bytes"], "seconds": health["seconds"]}


def _weight(tensor: dict[str, Any]) -> tuple[str, ...]:
    shape = f"[{', '.join(str(size) for size in tensor['shape'])}]"
    figures = [tensor.get(name) for name in ("mean", "deviation", "low", "high")]
    shown = (f"{value:.3g}" if isinstance(value, (int, float)) else "" for value in figures)
    return tensor["name"], tensor["datatype"], shape, *shown, tensor.get("note", "")


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
