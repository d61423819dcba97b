"""The battery's figures: a table for each device, a row an operation and data type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

_HEAD = ("test", "type", "kernel", "time", "reached", "of the device", "error", "verdict")
_STYLES = ("name", "", "", "", "", "", "", "dim")
_SILENT = frozenset({"unsupported", "not-run"})
"""Verdicts that are reported in one line for all tests, unless everything is requested."""
_BY_FLOPS = frozenset({"matmul", "convolution", "attention"})
"""Operations that are reported by their arithmetic; the others by their bytes."""


def lines(answer: dict[str, Any], options: RenderOptions) -> Iterator[Line]:
    """The tables of `airworthy check --probe`."""
    if "unknown" in answer:
        yield line((say("no device was tried: {reason}", reason=answer["unknown"]), "warning"))
        yield line()
        return
    for device in answer["devices"]:
        yield from _device(device, options)
        yield line()


def _device(device: dict[str, Any], options: RenderOptions) -> Iterator[Line]:
    about = ", ".join(
        part for part in (device["name"], f"{device['framework']} {device.get('version', '')}".strip()) if part
    )
    yield line(
        (device["device"], "title"), (say("  {about}, {s:seconds}", about=about, s=device.get("seconds", 0)), "dim")
    )
    if device.get("problem"):
        yield line((say("could not be tried: {reason}", reason=_last(device["problem"])), "error"), indent=2)
        return
    if device["busy"]:
        text = say("other programs use {load:.0%} of the processors: times mean little", load=min(1.0, device["load"]))
        yield line((text, "warning"), indent=2)
    shown = [test for test in device["tests"] if options.verbose or test["verdict"] not in _SILENT]
    if shown:
        yield from table(
            [tuple(map(say, _HEAD)), *(_row(test, device["busy"]) for test in shown)], indent=2, styles=_STYLES
        )
    for verdict in () if options.verbose else sorted(_SILENT):
        names = [
            f"{t['operation']} {t['dtype']} {t.get('variant', '')}".strip()
            for t in device["tests"]
            if t["verdict"] == verdict
        ]
        if names:
            yield line((say("{verdict}: {names}", verdict=say(verdict), names=tuple(names)), "dim"), indent=2, hang=2)
    if device["busy"]:
        return
    if any(test.get("share") is None and test.get("share_of_own") is not None for test in shown):
        text = say("* of what its own copies and matrix products reached; its maker's figures are not known here")
        yield line((text, "dim"), indent=2)
    for dtype, gain in device["gains"].items():
        template = "fused attention in {dtype}: {times} times as fast as without fusion ({kernel})"
        yield line(say(template, dtype=dtype, times=gain["times"], kernel=gain["kernel"]), indent=2)


def _row(test: dict[str, Any], busy: bool) -> tuple[str, ...]:
    name = (test["operation"], test["dtype"], test.get("variant") or "-")
    if "gflops" not in test:
        return (*name, "-", "-", "-", "-", say(test["verdict"]))
    by_flops = test["gflops"] and test["operation"] in _BY_FLOPS
    rate = _rate(test["gflops"], "FLOP/s") if by_flops else _rate(test["gbytes"], "B/s")
    share = test["share"] if test["share"] is not None else test["share_of_own"]
    # A share of what its own copies and products reached is marked: the maker's figures are not known.
    told = "-" if share is None or busy else f"{share:.0%}" + ("" if test["share"] is not None else " *")
    wrong = test.get("error", 0.0)
    return (*name, say("{s:seconds}", s=test["seconds"]), rate, told, f"{wrong:.2g}", say(test["verdict"]))


def _rate(giga: float, unit: str) -> str:
    return f"{giga / 1000:.1f} T{unit}" if giga >= 1000 else f"{giga:.1f} G{unit}"


def _last(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]
