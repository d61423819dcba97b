"""The graph as one page: search, folding, paths to a node. Nothing is fetched, and only its own script runs."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache
from importlib.resources import files

import msgspec

from airworthy.core.messages import say
from airworthy.environment.graphs.model import DependencyGraph


@cache
def _asset(name: str) -> str:
    return (files("airworthy.environment.graphs") / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def page(graph: DependencyGraph) -> str:
    """The page, self-contained."""
    style, script = _asset("page.css"), _asset("page.js")
    # `<` would end the script element; JSON has a way to write it.
    data = msgspec.json.encode(graph).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028")
    own = f"style-src {_source(style)}; script-src {_source(script)}"
    policy = f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"
    title = html.escape(say("{name}: dependencies", name=graph.name))
    broken = sum(not edge.met for edge in graph.edges)
    conflicts = say("requirements not satisfied: {count}", count=broken)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<aside>
<h1>{title}</h1>
<p class="{"bad" if broken else "soft"}">{html.escape(conflicts)}</p>
<input id="search" type="search" placeholder="{html.escape(say("search"))}" aria-label="{html.escape(say("search"))}">
<button id="all">{html.escape(say("unfold all"))}</button><button id="less">{html.escape(say("fold"))}</button>
<span id="count" class="soft"></span>
<ul id="found"></ul>
<div id="chosen"></div>
</aside>
<main id="picture"></main>
<script id="graph" type="application/json">{data}</script>
<script>{script}</script>
</body>
</html>
"""
