"""The page about a model: complete, small for large models, and deaf to what a hostile file says."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from airworthy.cli.main import main
from airworthy.core.report import Report
from airworthy.flows.inspect import Looking, inspect
from airworthy.flows.weights import Depth
from airworthy.report.page.drawings import histogram, shares
from airworthy.report.page.escape import Html, escape, tag
from airworthy.report.page.layers import MOST_TENSORS, tree
from airworthy.report.page.render import MatrixTable, page

HOSTILE = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\x1b"
VOID = {"meta", "rect", "path"}


class Walker(html.parser.HTMLParser):
    """Elements and attributes of a page; whether each one that opens is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attrs)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attrs)))

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.text += data


def harmless(text: str) -> Walker:
    """A page that is well formed and can load or run nothing."""
    walked = Walker(text)
    assert not walked.open
    for name, attributes in walked.elements:
        assert name not in ("script", "img", "link", "iframe", "object", "embed", "form", "base", "a")
        assert not [each for each in attributes if each.startswith("on") or each in ("src", "href", "style", "srcset")]
    assert "url(" not in text
    assert "@import" not in text
    return walked


def file(path: Path, names: list[str], metadata: dict[str, str] | None = None) -> Path:
    entries: dict[str, Any] = {
        name: {"dtype": "F32", "shape": [2], "data_offsets": [8 * n, 8 * n + 8]} for n, name in enumerate(names)
    }
    header = {"__metadata__": metadata or {}, **entries}
    path.write_bytes(models.safetensors_bytes(json.dumps(header), bytes(range(8)) * len(names)))
    return path


def report_of(path: Path, **more: Any) -> Report:
    return inspect(path, looking=Looking(tensors=True), depth=Depth(**more))


def test_the_page_is_complete_and_its_policy_names_its_style(tmp_path: Path) -> None:
    names = [f"model.layers.{n}.mlp.weight" for n in range(3)] + ["norm.weight"]
    text = page(report_of(file(tmp_path / "m.safetensors", names), health=True, algorithms=("sha256",)))
    told = harmless(text).text
    for wanted in ("Layers", "Weights", "FP32", "mlp.weight", "safetensors", "sha256", "Loaded by", "PyTorch"):
        assert wanted in told
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text
    assert "prefers-color-scheme:dark" in text
    assert "<path" in text  # a histogram


def test_a_hostile_file_says_nothing_to_the_browser(tmp_path: Path) -> None:
    path = file(tmp_path / "m.safetensors", [HOSTILE, f"a.{HOSTILE}.b"], {HOSTILE: HOSTILE})
    text = page(report_of(path, health=True), MatrixTable((HOSTILE,), ((HOSTILE, ((HOSTILE, HOSTILE),)),), (HOSTILE,)))
    harmless(text)
    assert "alert(1)" in text
    assert "\u202e" not in text


@given(st.text())
def test_any_text_comes_back_as_it_was_or_as_escapes(text: str) -> None:
    walked = Walker(tag("p", text, title=text))
    assert [name for name, _ in walked.elements] == ["p"]
    assert len(walked.text) >= min(len(text), 1)
    assert escape(Html("<b>")) == "<b>"


def test_a_matrix_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    report = report_of(file(tmp_path / "m.safetensors", ["w"]))
    matrix = MatrixTable(("cpu", "cuda"), (("Conv", (("yes", "good"), ("falls back", "warn"))),), ("from a table",))
    assert {"Operators by target", "falls back", "from a table"} <= set(re.findall(r">([^<>]+)<", page(report, matrix)))
    assert "Operators by target" not in page(report)


def tensors(count: int) -> list[dict[str, Any]]:
    return [
        {
            "name": f"model.layers.{n // 9}.block.part{n % 9}.weight",
            "datatype": "BF16",
            "shape": (4096, 4096),
            "size": 1 << 25,
            "histogram": tuple(range(16)),
            "mean": 0.0,
            "deviation": 0.1,
            "low": -1.0,
            "high": 1.0,
        }
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [10_000, 40_000])
def test_a_large_model_stays_a_small_page(count: int) -> None:
    drawn = tree(tensors(count))
    assert len(drawn.encode()) < 5_000_000
    assert f"{MOST_TENSORS} of {count} tensors" in drawn
    harmless(drawn)


def test_names_that_end_within_others_and_empty_ones_are_all_there() -> None:
    names = ["a", "a.b", "a.b.c", "", "..", "a", "x" * 1000]
    listed = [{"name": name, "datatype": "FP32", "shape": (1,), "size": 4} for name in names]
    assert tree(listed).count('class="leaf"') == len(names)


def test_small_drawings_take_any_figures() -> None:
    harmless(shares({str(n): n for n in range(20)}))
    harmless(shares({"none": 0}))
    assert histogram((), "").count("<path") == 1
    assert "M0 20v-1h5" in histogram((1, 10**9), "x")


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = file(tmp_path / "m.safetensors", ["w"]), tmp_path / "page.html"
    assert main(["inspect", str(path), "--html", str(out)]) == 0
    assert "Layers" in harmless(out.read_text("utf-8")).text
    assert main(["inspect", str(path), "--html", str(tmp_path / "no" / "page.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_targets_that_were_asked_for_are_drawn(tmp_path: Path) -> None:
    from airworthy.flows.targets import asked

    report = inspect(models.linear(tmp_path / "m.onnx"), against=asked("cpu,cuda", (), False))
    text = page(report)
    harmless(text)
    assert "Operators by target" in text
    assert '<td class="good">runs</td>' in text
