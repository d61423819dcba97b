"""The lint of the vocabulary: the tree passes, and each rule finds what it is for."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def words() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        import words as module

        sys.modules.pop("words")
        return module


def test_the_tree_has_no_banned_word(words: ModuleType) -> None:
    assert words.uses() == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("# It holds the file\n# against its list.", "hold against"),
        ('"""Values are held against the key."""', "hold against"),
        ('say("it tells no version")', "tell"),
        ('"""Rows of what is no number."""', "what is no"),
        ('"""Served for the time being."""', "for the time being"),
        ('"""The name that is asked for."""', "asked for"),
        ("# nobody waits", "nobody, somebody"),
        ("# it looked at the file", "look at"),
        ("# a fault of ours", "fault of ours"),
    ],
)
def test_an_idiom_is_found_in_what_people_read(words: ModuleType, text: str, rule: str) -> None:
    found = list(words.idioms(ROOT / "src" / "x.py", text + "\n"))
    assert [(use.line, use.rule) for use in found] == [(1, rule)]


@pytest.mark.parametrize(
    "text", ["told = 1", 'f"{told}"', "# one look-up", "# the user asked for help", "# against it"]
)
def test_code_and_plain_words_are_let_be(words: ModuleType, text: str) -> None:
    assert list(words.idioms(ROOT / "src" / "x.py", text + "\n")) == []
