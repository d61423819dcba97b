"""The graph as a picture: layers from top to bottom, conflict chains in red; SVG, and PNG made from it.

Positions come from graphlay, the pixels of PNG from resvg; this file wraps both.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

from airworthy.core.errors import ExtraMissing
from airworthy.core.messages import say
from airworthy.environment.graphs.model import DependencyGraph, DependencyNode

FONT = 12.0
"""Height of the text in pixels."""
FAMILY = "Source Sans Pro, sans-serif"
CHARACTER = 6.4
"""Width of a Latin character; of a wide one twice that."""
LONGEST = 30
"""Characters of one line of a box."""
MARGIN = 24.0
WIDEST = 16_000
"""Pixels of a PNG on its longer side."""
_FILLS = {
    "Package": ("#eef4ff", "#4a6fa5"),
    "Library": ("#f1faf1", "#5d8a5d"),
    "System": ("#f6f3ea", "#8a7a4d"),
    "Driver": ("#f3eefb", "#7458a5"),
    "Device": ("#f3eefb", "#7458a5"),
    "Missing": ("#fff0f0", "#c62828"),
    "Fold": ("#f7f7f7", "#b5b5b5"),
}
_RED, _GREY = "#c62828", "#9aa3ad"


def svg(graph: DependencyGraph) -> str:
    """The picture of a graph.

    Raises:
        ExtraMissing: graphlay is not installed.
    """
    layout = _layout(graph)
    numbers = {node.id: number for number, node in enumerate(graph.nodes)}
    boxes = layout["nodes"]
    points = [(point["x"], point["y"]) for edge in layout["edges"] for point in edge["points"]]
    corners = [
        (box["center"]["x"] + sx * box["size"]["width"] / 2, box["center"]["y"] + sy * box["size"]["height"] / 2)
        for box in boxes
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    everything = [*points, *corners] or [(0.0, 0.0)]
    left, top = min(x for x, _ in everything) - MARGIN, min(y for _, y in everything) - MARGIN - 34
    width, height = max(x for x, _ in everything) + MARGIN - left, max(y for _, y in everything) + MARGIN - top
    width = max(width, 420.0)
    size = f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" width="{width:.0f}" height="{height:.0f}"'
    title = f'<text x="{left + MARGIN:.1f}" y="{top + 24:.1f}" font-size="14" fill="#333333">'
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FAMILY}" font-size="{FONT:g}">',
        f"<title>{html.escape(graph.name)}</title>",
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#ffffff"/>',
        f"<defs>{_arrow('a', _GREY)}{_arrow('r', _RED)}</defs>",
        f"{title}{html.escape(_title(graph))}</text>",
    ]
    # Red lines are drawn last, so that nothing lies on top of them.
    for edge, drawn in sorted(zip(graph.edges, layout["edges"], strict=True), key=lambda pair: pair[0].conflict):
        rows.append(_edge(drawn["points"], conflict=edge.conflict, met=edge.met))
    for edge, drawn in zip(graph.edges, layout["edges"], strict=True):
        if edge.conflict and not edge.met and edge.requires:
            rows.append(_edge_label(drawn["points"], edge.requires))
    rows += [_box(node, boxes[numbers[node.id]]) for node in graph.nodes]
    return "\n".join([*rows, "</svg>", ""])


def png(picture: str, zoom: float = 1.5) -> bytes:
    """A picture in pixels.

    Raises:
        ExtraMissing: resvg is not installed.
    """
    try:
        import font_source_sans_pro
        import resvg_py
    except ImportError:
        raise ExtraMissing(job=say("a PNG"), library="resvg-py", extra="graph") from None
    # A server has no fonts; a text without one is left out.
    font = font_source_sans_pro.SourceSansPro
    sides = [float(text) for text in picture.partition('viewBox="')[2].partition('"')[0].split()[2:]]
    zoom = min(zoom, WIDEST / max([*sides, 1.0]))
    return bytes(resvg_py.svg_to_bytes(svg_string=picture, background="#ffffff", zoom=zoom, font_files=[font]))


def _layout(graph: DependencyGraph) -> Mapping[str, Any]:
    try:
        import graphlay
    except ImportError:
        raise ExtraMissing(job=say("a picture"), library="graphlay", extra="graph") from None
    wanted = graphlay.Graph()
    for node in graph.nodes:
        lines = _lines(node)
        wanted.node(node.id, width=max(map(_width, lines)) + 20, height=FONT * 1.35 * len(lines) + 12)
    for edge in graph.edges:
        wanted.edge(edge.source, edge.target, weight=4.0 if edge.conflict else 1.0)
    options = {
        "direction": "leftright",
        "spacing": {
            "layer_gap": 70.0,
            "node_gap": 9.0,
            "dummy_gap": 6.0,
            "isolated_gap": 18.0,
            "isolated_max_columns": 8,
        },
        "routing": {"style": "diagonal"},
        "wrap": {"viewport_aspect": 1.6},
    }
    laid = graphlay.layout(wanted, options=options)
    return {"nodes": laid.nodes, "edges": laid.edges}


def _title(graph: DependencyGraph) -> str:
    broken = sum(not edge.met for edge in graph.edges)
    text = say("{name}: {nodes} boxes", name=graph.name, nodes=len(graph.nodes))
    return text + (say("; requirements not satisfied (red): {count}", count=broken) if broken else "")


def _lines(node: DependencyNode) -> list[str]:
    lines = [_short(node.name, LONGEST + 12 if node.label == "Fold" else LONGEST)]
    if node.version and node.version != node.name:
        lines.append(_short(node.version))
    return lines


def _short(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _width(text: str) -> float:
    import unicodedata

    return sum(CHARACTER * (2 if unicodedata.east_asian_width(c) in "WF" else 1) for c in text)


def _arrow(name: str, colour: str) -> str:
    size = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return f'<marker id="{name}" {size}><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'


def _box(node: DependencyNode, box: Mapping[str, Any]) -> str:
    x, y, width, height = box["center"]["x"], box["center"]["y"], box["size"]["width"], box["size"]["height"]
    fill, line = _FILLS.get(node.label, _FILLS["Package"])
    if node.conflict:
        line = _RED
    stroke = 2.2 if node.conflict else 1.6 if node.root else 1.0
    dashes = ' stroke-dasharray="4 3"' if node.label in {"Fold", "Missing"} else ""
    lines = _lines(node)
    first = y - (len(lines) - 1) * FONT * 1.35 / 2 + FONT * 0.35
    texts = ""
    for number, text in enumerate(lines):
        place = f'x="{x:.1f}" y="{first + number * FONT * 1.35:.1f}" text-anchor="middle"'
        texts += f'<text {place} fill="{"#666666" if number else "#222222"}">{html.escape(text)}</text>'
    return (
        f"<g><title>{html.escape(f'{node.label} {node.name} {node.version}'.strip())}</title>"
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5" '
        f'fill="{fill}" stroke="{line}" stroke-width="{stroke:g}"{dashes}/>{texts}</g>'
    )


def _edge(points: list[Mapping[str, float]], *, conflict: bool, met: bool) -> str:
    path = "M" + "L".join(f"{point['x']:.1f} {point['y']:.1f}" for point in points)
    colour, width, marker = (_RED, 2.2, "r") if conflict else (_GREY, 1.0, "a")
    dashes = "" if met else ' stroke-dasharray="6 3"'
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" marker-end="url(#{marker})"{dashes}/>'
    )


def _edge_label(points: list[Mapping[str, float]], text: str) -> str:
    """The requirement that is not met, near the end of its line."""
    (x1, y1), (x2, y2) = ((point["x"], point["y"]) for point in points[-2:])
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    at = min(0.5, 60.0 / length)
    x, y = x2 + (x1 - x2) * at, y2 + (y1 - y2) * at
    width = _width(_short(text)) + 6
    place = f'x="{x - width / 2:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="16"'
    return (
        f'<g><rect {place} rx="3" fill="#ffffff" opacity="0.9"/>'
        f'<text x="{x:.1f}" y="{y + 3:.1f}" text-anchor="middle" fill="{_RED}">{html.escape(_short(text))}</text></g>'
    )
