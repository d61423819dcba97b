"""The graph in the forms of other programs: Mermaid, DOT, GraphML, JSON."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape, quoteattr

import msgspec

from airworthy.environment.graphs.model import DependencyGraph, DependencyNode


def as_json(graph: DependencyGraph) -> str:
    """One object with `nodes` and `edges`."""
    return msgspec.json.format(msgspec.json.encode(graph), indent=2).decode() + "\n"


def from_json(data: bytes) -> DependencyGraph:
    """Read what `as_json` wrote.

    Raises:
        msgspec.DecodeError: it is no such document.
    """
    return msgspec.json.decode(data, type=DependencyGraph)


def _caption(node: DependencyNode) -> str:
    return f"{node.name} {node.version}".strip() if node.version != node.name else node.name


def mermaid(graph: DependencyGraph) -> str:
    """A Mermaid flowchart; red lines are requirements that are not satisfied.

    https://mermaid.js.org/syntax/flowchart.html
    """
    numbers = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    rows = ["flowchart LR"]
    for node in graph.nodes:
        # Mermaid has codes of its own for what would end a label.
        text = "".join(c if c.isalnum() or c in " .-_+" else f"#{ord(c)};" for c in _caption(node))
        rows.append(f'  {numbers[node.id]}["{text}"]')
    red = []
    for number, edge in enumerate(graph.edges):
        arrow = "-->" if edge.met else "-.->"
        rows.append(f"  {numbers[edge.source]} {arrow} {numbers[edge.target]}")
        if edge.conflict:
            red.append(str(number))
    if red:
        rows.append(f"  linkStyle {','.join(red)} stroke:#c62828,stroke-width:2px")
    marked = [numbers[node.id] for node in graph.nodes if node.conflict]
    if marked:
        rows += ["  classDef conflict stroke:#c62828,stroke-width:2px", f"  class {','.join(marked)} conflict"]
    return "\n".join(rows) + "\n"


def dot(graph: DependencyGraph) -> str:
    """A graph for Graphviz and what reads its language; https://graphviz.org/doc/info/lang.html."""

    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'

    rows = [f"digraph {quote(graph.name)} {{", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    for node in graph.nodes:
        red = ', color="#c62828", penwidth=2' if node.conflict else ""
        rows.append(f"  {quote(node.id)} [label={quote(_caption(node))}{red}];")
    for edge in graph.edges:
        red = ' [color="#c62828", penwidth=2' if edge.conflict else " ["
        style = "" if edge.met else ", style=dashed, label=" + quote(edge.requires)
        inner = (red + style).replace("[, ", "[")
        rows.append(f"  {quote(edge.source)} -> {quote(edge.target)}{inner}];".replace(" [];", ";"))
    return "\n".join([*rows, "}", ""])


_NODE_KEYS = ("label", "name", "version", "root", "conflict")
_EDGE_KEYS = ("requires", "met", "conflict", "evidence")


def graphml(graph: DependencyGraph) -> str:
    """GraphML, for Gephi, yEd, networkx; http://graphml.graphdrawing.org/."""
    rows = ['<?xml version="1.0" encoding="UTF-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">']
    kinds = {"root": "boolean", "conflict": "boolean", "met": "boolean"}
    for scope, names in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)):
        for name in names:
            kind = kinds.get(name, "string")
            rows.append(f'  <key id="{scope}.{name}" for="{scope}" attr.name="{name}" attr.type="{kind}"/>')
    rows.append(f'  <graph id={quoteattr(_xml(graph.name))} edgedefault="directed">')
    for node in graph.nodes:
        rows.append(f"    <node id={quoteattr(_xml(node.id))}>")
        rows += _data("node", _NODE_KEYS, node)
        rows.append("    </node>")
    for edge in graph.edges:
        rows.append(f"    <edge source={quoteattr(_xml(edge.source))} target={quoteattr(_xml(edge.target))}>")
        rows += _data("edge", _EDGE_KEYS, edge)
        rows.append("    </edge>")
    return "\n".join([*rows, "  </graph>", "</graphml>", ""])


def _data(scope: str, names: tuple[str, ...], of: object) -> list[str]:
    rows = []
    for name in names:
        value = getattr(of, name)
        text = json.dumps(value) if isinstance(value, bool) else escape(_xml(value))
        rows.append(f'      <data key="{scope}.{name}">{text}</data>')
    return rows


def _xml(text: str) -> str:
    """A text without the characters that XML cannot hold."""
    return "".join(
        c if c in "\t\n\r" or (ord(c) >= 32 and not 0xD800 <= ord(c) <= 0xDFFF and ord(c) < 0xFFFE) else "?"
        for c in text
    )


FORMS = {".json": as_json, ".mmd": mermaid, ".dot": dot, ".gv": dot, ".graphml": graphml}
"""The forms by the suffix of their files."""
