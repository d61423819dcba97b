"""Unknown failures: the line that tells most, what it says without what varies, and nothing claimed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.recognition import diagnose
from airworthy.recognition.templates import likeness, signature_of, template_of

LINE = "RuntimeError: shard 17 of /models/a/b.bin at 0x7f3a is held by 'node-3' (10.0.0.4:8000)"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        (LINE, "RuntimeError: shard <number> of <path> at <hex> is held by <text> (<address>)"),
        ("took 12.5 ms, 3 of 4", "took <number> ms, <number> of <number>"),
        ("GET https://x.org/a?b=1 failed", "GET <url> failed"),
        (r"cannot open C:\models\a.gguf", "cannot open <path>"),
        ("id 0b9f3c1e-2b1c-4c7e-9f7e-1a2b3c4d5e6f", "id <id>"),
        ("blob 8fc8cf9f6bbb9c3d1026 is bad", "blob <hex> is bad"),
        ("plain words only", "plain words only"),
    ],
)
def test_template(text: str, template: str) -> None:
    assert template_of(text) == template


def test_the_same_fault_gives_the_same_template() -> None:
    other = LINE.replace("17", "4").replace("/models/a/b.bin", "/x").replace("0x7f3a", "0x1").replace("node-3", "n")
    assert template_of(other) == template_of(LINE)


@given(st.text(max_size=300))
def test_signatures_of_any_line_find_the_line(text: str) -> None:
    line = " ".join(text.split())
    literal, pattern = signature_of(line)
    assert literal in line
    if pattern:
        re.compile(pattern)


def test_a_signature_finds_its_line_and_its_like() -> None:
    literal, pattern = signature_of(LINE)
    other = LINE.replace("17", "4").replace("node-3", "node-9")
    for line in (LINE, other):
        assert literal in line
        assert re.search(pattern, line)


def test_an_unknown_failure_is_told_and_nothing_claimed() -> None:
    diagnosis = diagnose(f"INFO all is well\n{LINE}\nINFO bye\n")
    assert diagnosis.findings == ()
    assert diagnosis.unknown is not None
    assert (diagnosis.unknown.line, diagnosis.unknown.text) == (2, LINE)
    assert all(0 < guess.likeness <= 1 for guess in diagnosis.unknown.guesses)


def test_the_root_of_a_chain_tells_most() -> None:
    text = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\nOddError: the first\n\n'
        "During handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "a.py", line 3, in f\nOtherError: the second\n'
    )
    unknown = diagnose(text).unknown
    assert unknown is not None
    assert unknown.text == "OddError: the first"


def test_near_entries_are_guesses() -> None:
    unknown = diagnose("ValueError: the host driver is older than the runtime of this device needs").unknown
    assert unknown is not None
    assert "driver-too-old" in [guess.cause for guess in unknown.guesses]


def test_likeness() -> None:
    assert likeness("no space left on the device", ["No space left on device"]) > 0.8
    assert likeness("something else entirely", ["No space left on device"]) < 0.1
    assert likeness("12 34", ["x"]) == 0.0
