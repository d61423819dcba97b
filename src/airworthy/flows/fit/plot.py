"""The plots of a load: latency against load, and machines against the wanted latency; HTML with SVG, and PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from airworthy.core.errors import ExtraMissing
from airworthy.core.messages import say, seconds_text
from airworthy.fit.simulation.load import Load
from airworthy.fit.simulation.plan import LoadPlan
from airworthy.flows.files import write_private

WIDTH, HEIGHT, GAP = 620, 420, 40
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 64, 62
_SCALE = 2
_BLUE, _ORANGE, _GREY, _INK, _RED = "#2f6fde", "#d9822b", "#cccccc", "#333333", "#c0392b"


class Mark(NamedTuple):
    """One thing that is drawn: a line through points, or a text at one."""

    kind: str
    """`line`, `dash`, `dot` or `text`."""
    points: tuple[tuple[float, float], ...]
    colour: str
    text: str = ""
    anchor: str = "start"
    size: int = 13


def write_plot(path: Path, plan: LoadPlan, load: Load) -> list[Path]:
    """Write the plots; by the suffix one file, without one both.

    Returns:
        What was written.

    Raises:
        ExtraMissing: PNG is wanted, and Pillow is not installed.
        OutputFailed: a file can't be written.
    """
    marks = [*_latency(plan, load, 0), *_cost(plan, load, WIDTH + GAP)]
    suffix = path.suffix.lower()
    targets = [path] if suffix in (".png", ".html", ".svg") else [path.with_suffix(".png"), path.with_suffix(".html")]
    for target in targets:
        data = _png(marks) if target.suffix == ".png" else _html(marks, load, bare=target.suffix == ".svg")
        write_private(target, data)
    return targets


def _latency(plan: LoadPlan, load: Load, left: float) -> list[Mark]:
    """Latency against load, up to twice the limit."""
    points = [each for each in plan.curve if each[2] < math.inf]
    wide = max([load.rate * 1.2, *(each[0] for each in points)])
    top = max(2 * load.limit, min(4 * load.limit, max((each[2] for each in points), default=0.0)))
    axes = _Axes(left, wide, top)
    what = say("first token") if load.first else say("whole answer")
    marks = axes.frame(say("Latency against load"), say("requests a second, all machines"), what, seconds_text)
    marks.append(Mark("dash", (axes.at(0, load.limit), axes.at(wide, load.limit)), _RED))
    marks.append(Mark("text", (axes.at(wide * 0.02, load.limit * 1.03),), _RED, say("wanted"), size=12))
    marks.append(Mark("dash", (axes.at(load.rate, 0), axes.at(load.rate, top)), _GREY))
    tail = say("p{share:g}", share=100 * load.share)
    for index, colour, name in ((1, _BLUE, "p50"), (2, _ORANGE, tail)):
        line = tuple(axes.at(each[0], min(each[index], top)) for each in points)
        marks.append(Mark("line", line, colour))
        marks.append(
            Mark("text", ((left + WIDTH - _RIGHT - 100 + 52 * (index - 1), _TOP - 10.0),), colour, name, size=13)
        )
    return marks


def _cost(plan: LoadPlan, load: Load, left: float) -> list[Mark]:
    """Machines against the wanted latency."""
    points = [each for each in plan.costs if each[1]]
    wide = max([2 * load.limit, *(each[0] for each in points)])
    axes = _Axes(left, wide, 1.15 * max([1, *(each[1] for each in points)]))
    marks = axes.frame(
        say("Machines against the wanted latency"),
        say("wanted latency"),
        say("machines"),
        lambda value: f"{value:.3g}",
        across=seconds_text,
    )
    marks.append(Mark("dash", (axes.at(load.limit, 0), axes.at(load.limit, axes.top)), _RED))
    marks.append(Mark("line", tuple(axes.at(*each) for each in points), _BLUE))
    for each in points:
        marks.append(Mark("dot", (axes.at(*each),), _BLUE))
        x, y = axes.at(*each)
        marks.append(Mark("text", ((x, y - 10),), _INK, str(each[1]), "middle", 12))
    return marks


class _Axes:
    def __init__(self, left: float, wide: float, top: float) -> None:
        self.left = left
        self.wide = wide
        self.top = top

    def at(self, across: float, up: float) -> tuple[float, float]:
        """A point of the picture."""
        x = self.left + _LEFT + across / self.wide * (WIDTH - _LEFT - _RIGHT)
        return x, HEIGHT - _BOTTOM - up / self.top * (HEIGHT - _TOP - _BOTTOM)

    def frame(self, title: str, across_title: str, up_title: str, up: Any, across: Any = None) -> list[Mark]:
        """The title, the lines of the grid, and their numbers."""
        marks = [
            Mark("text", ((self.left + _LEFT, 24.0),), _INK, title, size=16),
            Mark("text", ((self.left + _LEFT, 44.0),), _INK, up_title, size=12),
            Mark("text", ((self.left + WIDTH - _RIGHT, HEIGHT - 14.0),), _INK, across_title, "end", 12),
        ]
        for step in range(5):
            value = self.top * step / 4
            marks.append(Mark("line", (self.at(0, value), self.at(self.wide, value)), _GREY))
            x, y = self.at(0, value)
            marks.append(Mark("text", ((x - 8, y + 4),), _INK, up(value), "end", 12))
            value = self.wide * step / 4
            x, y = self.at(value, 0)
            text = across(value) if across is not None else f"{value:.3g}"
            marks.append(Mark("text", ((x, y + 20),), _INK, text, "middle", 12))
        return marks


def _html(marks: Sequence[Mark], load: Load, *, bare: bool) -> bytes:
    wide = 2 * WIDTH + GAP
    style = 'font-family="system-ui, sans-serif" style="max-width:100%;height:auto;background:#fff"'
    rows = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {HEIGHT}" {style}>']
    for mark in marks:
        if mark.kind == "text":
            (x, y) = mark.points[0]
            rows.append(
                f'<text x="{x:.1f}" y="{y:.1f}" fill="{mark.colour}" font-size="{mark.size}" '
                f'text-anchor="{mark.anchor}">{escape(mark.text)}</text>'
            )
        elif mark.kind == "dot":
            (x, y) = mark.points[0]
            rows.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{mark.colour}"/>')
        else:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in mark.points)
            thin = 1 if mark.colour == _GREY else 2.5 if mark.kind == "line" else 1.5
            dash = ' stroke-dasharray="6 4"' if mark.kind == "dash" else ""
            rows.append(f'<polyline fill="none" stroke="{mark.colour}" stroke-width="{thin}"{dash} points="{points}"/>')
    rows.append("</svg>")
    drawing = "\n".join(rows)
    if bare:
        return drawing.encode()
    title = escape(say("Machines for {load}", load=load.text))
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
    body = f'<body style="font-family:system-ui,sans-serif;margin:2rem">\n<h1 style="font-size:1.2rem">{title}</h1>\n'
    return f"{head}{body}{drawing}\n</body>\n</html>\n".encode()


def _png(marks: Sequence[Mark]) -> bytes:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ModuleNotFoundError:
        raise ExtraMissing(job=say("drawing PNG"), library="Pillow", extra="plot") from None
    import io

    image = Image.new("RGB", ((2 * WIDTH + GAP) * _SCALE, HEIGHT * _SCALE), "white")
    draw = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for mark in marks:
        points = [(x * _SCALE, y * _SCALE) for x, y in mark.points]
        if mark.kind == "text":
            font = ImageFont.load_default(mark.size * _SCALE)
            draw.text(points[0], mark.text, fill=mark.colour, font=font, anchor=anchors[mark.anchor])
        elif mark.kind == "dot":
            x, y = points[0]
            draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=mark.colour)
        elif mark.kind == "dash":
            _dashed(draw, points, mark.colour)
        else:
            draw.line(points, fill=mark.colour, width=2 if mark.colour == _GREY else 5, joint="curve")
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _dashed(draw: Any, points: Sequence[tuple[float, float]], colour: str) -> None:
    (x, y), (to_x, to_y) = points[0], points[-1]
    length = max(1.0, math.hypot(to_x - x, to_y - y))
    for begin in range(0, int(length), 20):
        first, last = begin / length, min(1.0, (begin + 12) / length)
        ends = [(x + (to_x - x) * share, y + (to_y - y) * share) for share in (first, last)]
        draw.line(ends, fill=colour, width=3)
