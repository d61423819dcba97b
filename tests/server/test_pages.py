"""The first pages that a newcomer follows: every command is run in order, in one shell, and its output compared.

Numbers may differ, and `…` stands for anything; all other text is as printed. A block after a comment that begins with
`not run:` is passed over.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.running import environment, free_port

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"(<!-- not run:[^\n]*-->\n)?```console\n(.*?)```", re.DOTALL)
_END = "## Before: will it work here?"
_NUMBER = r"\\d[\\d.,]*"


def commands(page: str) -> list[tuple[str, str]]:
    """The commands of a page with what is printed after each."""
    found = []
    for skipped, block in _BLOCK.findall(page):
        if skipped:
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def pattern(output: str) -> str:
    """A regular expression for what a page shows."""
    text = re.escape(output.strip("\n"))
    text = text.replace("\\\n…\\\n", "\\\n(?:.*?\n)?").replace("…", ".*?")
    text = re.sub(r"\d[\d,]*(?:\\\.\d+)?(?:\\ (?:ms|s|µs)\b)?", _NUMBER + r"(?:\\ (?:ms|s|µs)\\b)?", text)
    return rf"\s*{text}\s*"


def run(pages: list[tuple[str, str]], folder: Path, port: int) -> list[str]:
    """Run all commands in one shell; what each printed."""
    mark = "--- end of a command ---"
    script = "set -m\n" + "".join(f"{{ {command}\n}} 2>&1\necho '{mark}'\n" for command, _ in pages)
    script = script.replace("localhost:8000", f"localhost:{port}")
    script = f"export AIRWORTHY_SERVE_PORT={port}\n{script}"
    env = environment(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=110, check=False, cwd=folder, env=env
    )
    return done.stdout.split(mark + "\n")[: len(pages)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the repository's examples."""
    shutil.copytree(
        ROOT / "examples" / "digits", tmp_path / "examples" / "digits", ignore=shutil.ignore_patterns("build")
    )
    return tmp_path


def _compare(pages: list[tuple[str, str]], printed: list[str]) -> None:
    assert len(printed) == len(pages)
    for (command, expected), text in zip(pages, printed, strict=True):
        # Progress comes where a machine is slow.
        seen = re.sub(r"^.* \.\.\.\n|^\[\d+\].*\n", "", text, flags=re.MULTILINE)
        if expected.strip():
            assert re.fullmatch(pattern(expected), seen, re.DOTALL), f"$ {command}\n{seen}"


def test_get_started_as_it_is_written(folder: Path) -> None:
    page = (ROOT / "docs" / "get-started.md").read_text(encoding="utf-8").partition(_END)[0]
    pages = commands(page)
    assert len(pages) >= 8
    _compare(pages, run(pages, folder, free_port()))


@pytest.mark.slow
def test_the_readmes_tour(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "examples/digits/build.py"], cwd=folder, check=True, timeout=60, capture_output=True
    )
    tour = (ROOT / "README.md").read_text(encoding="utf-8").partition("## A short tour")[2]
    pages = commands(tour)
    serve, *rest = pages
    until_ready = "until grep -q Ctrl-C tour.log; do sleep 0.1; done"
    stopped = (
        f"{serve[0]} > tour.log 2>&1 & {until_ready}; kill -INT $!; grep -v '^[0-9-]* [0-9:,]* [A-Z]* event' tour.log"
    )
    printed = run([(stopped, ""), *rest], folder, free_port())
    _compare(pages, printed)
