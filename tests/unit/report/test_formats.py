"""What every format promises: it is well-formed, whole, and harmless whatever a file is called."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.report.interface import RenderOptions
from airworthy.report.plain import builtins, printable, value_text
from airworthy.report.registry import FORMAT_NAMES, FORMATS
from fakes import reports


@pytest.fixture(scope="module", autouse=True)
def catalogue() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        reports.use_catalogue(patch)
        yield


ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=40)
PLACES = [
    RenderOptions(),
    RenderOptions(verbose=True),
    RenderOptions(verbose=True, terminal=True, color=False, width=40),
]


@pytest.mark.parametrize("format_", FORMAT_NAMES)
@given(text=ANY_TEXT)
def test_no_text_reaches_a_terminal_as_control(format_: str, text: str) -> None:
    for options in PLACES:
        shown = FORMATS.get(format_)(reports.hostile(text), options)
        assert all(c == "\n" or c.isprintable() for c in shown)
        shown.encode("utf-8")


@given(text=ANY_TEXT)
def test_no_text_forges_a_line(text: str) -> None:
    calm = FORMATS.get("text")(reports.hostile("x"), RenderOptions(verbose=True))
    shown = FORMATS.get("text")(reports.hostile(text), RenderOptions(verbose=True))
    extra = max(len(text.rstrip().splitlines()), 1) - 1  # a trace has as many rows as it has lines
    assert len(shown.splitlines()) <= len(calm.splitlines()) + extra
    assert len(FORMATS.get("github")(reports.hostile(text), RenderOptions()).splitlines()) == 3


def test_colour_is_the_only_escape() -> None:
    shown = FORMATS.get("text")(reports.hostile(), RenderOptions(terminal=True, color=True, width=60))
    assert "\x1b[" in shown
    assert "\x1b[2J" not in shown
    assert "\x1b]" not in shown


@given(text=ANY_TEXT)
def test_documents_parse(text: str) -> None:
    options = RenderOptions()
    report = reports.hostile(text)
    document = json.loads(FORMATS.get("json")(report, options))
    assert document["findings"][0]["message"] == builtins(text)
    assert json.loads(FORMATS.get("sarif")(report, options))["version"] == "2.1.0"
    assert ET.fromstring(FORMATS.get("junit")(report, options)).tag == "testsuites"


def test_json_is_the_promised_shape() -> None:
    document = json.loads(FORMATS.get("json")(reports.whole(), RenderOptions()))
    assert list(document) == ["schema", "verb", "subject", "verdict", "facts_taken", "findings", "results"]
    assert document["schema"] == 1
    assert [f["cause"] for f in document["findings"]] == ["driver-too-old", "file-corrupt", "port-in-use"]
    for finding in document["findings"]:
        keys = ["cause", "severity", "confidence", "subject", "message", "params", "evidence", "remedies"]
        assert list(finding) == keys
        for item in finding["evidence"]:
            assert item.keys() == {"value", "source", "line" if "line" in item else "fact"}
        for remedy in finding["remedies"]:
            assert isinstance(remedy["safe"], bool)
            assert remedy["why"]
            assert remedy.keys() <= {"commands", "edits", "safe", "why"}
    outcomes = {result["check"]: result["outcome"] for result in document["results"]}
    assert outcomes["lfs-pointer"] == "crashed"
    assert outcomes["glibc-too-old"] == "skipped"
    assert len(outcomes) == 8


def test_an_answer_may_not_hide_the_findings() -> None:
    report = reports.healthy()
    clash = type(report)(verb="check", subject="x", answer={"findings": []})
    with pytest.raises(ValueError, match="reserved"):
        FORMATS.get("json")(clash, RenderOptions())


def test_skipped_checks_are_counted_and_named_on_request() -> None:
    quiet = FORMATS.get("text")(reports.whole(), RenderOptions())
    loud = FORMATS.get("text")(reports.whole(), RenderOptions(verbose=True))
    assert "2 passed, 3 failed, 2 skipped (-v names them), 1 crashed" in quiet
    assert "permission denied" not in quiet
    assert "permission denied" in loud


@pytest.mark.parametrize("width", [1, 20, 33, 80, 300])
def test_lines_keep_to_the_width(width: int) -> None:
    shown = FORMATS.get("text")(reports.whole(), RenderOptions(terminal=True, width=width))
    rows = shown.splitlines()
    assert max(len(row) for row in rows if "sudo" not in row) <= max(width, 20)
    assert any(row.endswith("→ sudo apt-get install nvidia-driver-550") for row in rows)  # copied as one line
    for word in ("driver-too-old", "525.60.13"):
        assert word in shown.replace("\n", "").replace(" ", "")


@given(text=ANY_TEXT)
def test_printable_is_printable_and_keeps_what_was(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text


def test_value_text() -> None:
    assert value_text(("a", "b")) == "a, b"
    assert value_text(()) == "none"
    assert value_text([{"a": 1, "b": ""}, {"a": 2}]) == "a=1; a=2"
    assert value_text({"a": 1}) == "a=1"
    assert value_text("\x1b") == "\\x1b"
