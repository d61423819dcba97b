"""The tools that write and read the project's own files."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from airworthy.cli.verbs import VERBS
from airworthy.core.keys import KEYS
from airworthy.core.settings.layers import variables
from fakes import world

ROOT = Path(__file__).parents[3]


@pytest.fixture
def docs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    world.use(monkeypatch)
    spec = importlib.util.spec_from_file_location("tools_docs", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DOCS", tmp_path)
    monkeypatch.setattr(module, "VERBS", {name: VERBS[name] for name in ("check", "facts")})
    return module


def test_drift_fails_and_writing_ends_it(docs: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    page = tmp_path / "causes" / "file-empty.md"
    page.write_text(page.read_text() + "more")
    (tmp_path / "causes" / "gone.md").write_text("x")
    capsys.readouterr()
    assert docs.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert "-more" in out
    assert "docs/causes/gone.md is made by nothing" in out
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    assert docs.main(["--what"]) == 2


def test_every_setting_and_every_fact_has_its_row(docs: ModuleType) -> None:
    page = docs.settings_page()
    for variable, path in variables():
        assert f"| `{path[-1]}` |" in page
        assert f"| `{variable}` |" in page
    assert "| `AIRWORTHY_SERVE_PORT` |" in page
    page = docs.facts_page()
    for name in KEYS:
        assert f"| `{name}` |" in page


def test_the_readme_names_every_verb() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in VERBS:
        assert f"`airworthy {name}" in readme


def test_make_help_names_every_target() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], capture_output=True, text=True, timeout=30, check=True, cwd=ROOT
    )
    shown = [row.split()[1] for row in done.stdout.splitlines()]
    first = ["help", "demo", "wheel", "test", "test-all", "test-newest", "coverage", "check"]
    assert shown == [*first, "lock", "audit", "bench", "docs", "changelog", "clean"]


def test_make_says_what_an_old_python_lacks(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.8.1\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", "test", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "airworthy needs Python 3.10 or newer" in done.stderr
    assert "Python 3.8.1" in done.stderr
    assert not (tmp_path / "venv").exists()
