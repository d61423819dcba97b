"""The lines before the findings of `check`: the machine, the verdict about a described one, measured speeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table
from airworthy.report.plain import value_text
from airworthy.report.views.battery import lines as battery_lines
from airworthy.report.views.machine import lines as machine_lines

_VERDICTS = {
    "works": ("it works, as far as what was given decides", "good"),
    "fails": ("it fails", "error"),
    "unknown": ("what was given does not decide whether it works", "warning"),
}


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines before the findings of `airworthy check`: a healthy machine, and what was measured."""
    if "machine" in report.data and (options.verbose or not report.findings):
        yield from machine_lines(report.data["machine"])
    if "storage" in report.data:
        yield from _storage(report.data["storage"])
    if "battery" in report.data:
        yield from battery_lines(report.data["battery"], options)
    if "needs" in report.data:
        yield from _needs(report.data["needs"])
    if "given" not in report.data:
        return
    text, style = _VERDICTS[report.data["verdict"]]
    yield line((say(text), style))
    if options.verbose:
        yield from table([(key, value_text(value)) for key, value in report.data["given"].items()], indent=2)
    rows = [(cause, value_text(reason)) for cause, reason in report.data["undecided"].items()]
    if rows:
        yield line((say("Not decided"), "title"))
        yield from table(rows, indent=2, styles=("name", "dim"))
    yield line()


def _needs(needs: dict[str, Any]) -> Iterator[Line]:
    """What the model needs of a machine, in one line."""
    parts = [say("{size:bytes} of disk", size=needs["disk"]), say("{size:bytes} of memory", size=needs["memory"])]
    if "device_memory_longest_context" in needs:
        template = "{size:bytes} of a device's memory with the longest context of {tokens} tokens"
        size, tokens = needs["device_memory_longest_context"], needs["longest_context"]
        parts.append(say(template, size=size, tokens=tokens))
    if "capability" in needs:
        template = "on NVIDIA compute capability {capability}, to compute in {datatype} as it is stored"
        parts.append(say(template, capability=needs["capability"], datatype=needs["datatype"]))
    yield line((say("this model needs {parts}", parts="; ".join(parts)), "dim"))
    yield line()


def _storage(speed: dict[str, Any]) -> Iterator[Line]:
    if "unknown" in speed:
        yield line((say("the storage was not measured: {reason}", reason=speed["unknown"]), "warning"))
        return
    template = "{path} reads {read:bytes} a second and takes {writes} random writes a second ({by})"
    yield line(say(template, path=speed["path"], read=speed["read"], writes=speed["writes"], by=speed["by"]))
    if speed.get("cached"):
        yield line((say("the system's cache could not be passed by: the disk itself may be slower"), "warning"))
    if "load_seconds" in speed:
        yield line(say("reading this model from it takes {seconds:seconds}", seconds=speed["load_seconds"]))
    yield line()
