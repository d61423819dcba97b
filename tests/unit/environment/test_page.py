"""The page of a graph, opened in a browser."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from airworthy.environment.graphs.model import graph_of
from airworthy.environment.graphs.page import page
from airworthy.environment.packages import build_graph
from environments import CONFLICT, installed, package

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]


def opened(path: Path, fragment: str = "") -> tuple[str, str]:
    """The document after its script ran, and what the console said."""
    assert BROWSER is not None
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom"]
    command += [
        "--enable-logging=stderr",
        "--v=0",
        f"--user-data-dir={path.parent / 'profile'}",
        path.as_uri() + fragment,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    return done.stdout, "\n".join(row for row in done.stderr.splitlines() if "CONSOLE" in row)


def test_it_runs_without_a_console_error_and_follows_a_link(tmp_path: Path) -> None:
    wide = [package(f"p{number}", "1", "shared<2") for number in range(300)]
    hostile = package("</script><script>alert(1)</script>", "1")
    path = tmp_path / "graph.html"
    path.write_text(page(graph_of("site", build_graph(installed(*CONFLICT, *wide, hostile)))), encoding="utf-8")
    document, console = opened(path)
    assert console == ""
    assert 'data-ready="yes"' in document
    assert re.search(r"\d+ of 308 shown", document)
    assert document.count('class="node Package') >= 6
    document, console = opened(path, "#package%3Abelow")
    assert console == ""
    shown = html.unescape(document)
    assert "app \u2192 middle \u2192 below<" in document
    assert "middle wants below" in shown
