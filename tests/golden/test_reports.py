"""Whole outputs, compared as text; `pytest --update-goldens` writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

import airworthy
from airworthy.core.report import Report
from airworthy.flows.facts import report as facts_report
from airworthy.flows.inspect import model_data
from airworthy.report.interface import RenderOptions
from airworthy.report.registry import FORMAT_NAMES, FORMATS
from fakes import reports, world

EXPECTED = Path(__file__).parent / "expected"
PIPE = RenderOptions()
VERBOSE = RenderOptions(verbose=True)
NARROW = RenderOptions(terminal=True, color=True, width=48)
NO_COLOR = RenderOptions(terminal=True, width=72)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    reports.use_catalogue(monkeypatch)


def _inspected(tmp_path: Path) -> Report:
    path = tmp_path / "digits.onnx"
    path.write_bytes(bytes(2048))
    return Report(verb="inspect", subject=str(path), answer={"model": model_data(world.describe(path).model)})


def _compare(request: pytest.FixtureRequest, name: str, text: str) -> None:
    shown = text.replace(airworthy.__version__, "<version>").replace(str(request.getfixturevalue("tmp_path")), "<tmp>")
    file = EXPECTED / name
    if request.config.getoption("--update-goldens"):
        file.write_text(shown, encoding="utf-8", newline="")
    assert shown == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("format_", FORMAT_NAMES)
@pytest.mark.parametrize("name", ["whole", "healthy", "hostile"])
def test_format(request: pytest.FixtureRequest, name: str, format_: str) -> None:
    text = FORMATS.get(format_)(getattr(reports, name)(), PIPE)
    _compare(request, f"{name}.{format_}", text)


@pytest.mark.parametrize(("name", "options"), [("verbose", VERBOSE), ("narrow", NARROW), ("no-color", NO_COLOR)])
def test_text(request: pytest.FixtureRequest, name: str, options: RenderOptions) -> None:
    _compare(request, f"whole-{name}.text", FORMATS.get("text")(reports.whole(), options))


@pytest.mark.parametrize(("name", "options"), [("pipe", PIPE), ("verbose", VERBOSE)])
def test_inspect(request: pytest.FixtureRequest, tmp_path: Path, name: str, options: RenderOptions) -> None:
    _compare(request, f"inspect-{name}.text", FORMATS.get("text")(_inspected(tmp_path), options))


def test_facts(request: pytest.FixtureRequest) -> None:
    _compare(request, "facts.text", FORMATS.get("text")(facts_report(world.UNREADABLE), PIPE))
