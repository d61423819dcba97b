"""Guesses: a look-up in a table that comes with the release, with the words that weighed, and nothing claimed."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.causes.catalogue import Catalogue, standard
from airworthy.causes.interface import Cause, Signature
from airworthy.core.finding import Severity
from airworthy.recognition import diagnose, guesses
from airworthy.recognition.features import LAST_LINES, features, last_lines
from airworthy.recognition.guesses import GuessTable, decode, encode, guess

PORT = "frobd: the socket could not be bound because its port is used by another process already"


def test_every_cause_of_the_catalogue_can_be_guessed() -> None:
    assert set(guesses.table().slugs) == set(standard().slugs), "run `python tools/guesses.py`"


def test_the_table_is_small() -> None:
    assert len(resources.files("airworthy.recognition").joinpath(guesses.FILE).read_bytes()) < 1_200_000


def test_a_guess_says_which_words_weighed() -> None:
    first = guess(PORT, PORT, standard())[0]
    assert first.cause == "port-in-use"
    assert 0 < first.likeness < 1
    assert first.words
    assert set(first.words) <= set(features(PORT))


def test_no_failure_gets_more_than_three_and_none_is_a_finding() -> None:
    diagnosis = diagnose(f"Error: {PORT.replace('bound', 'got')}\n")
    assert diagnosis.findings == ()
    assert diagnosis.unknown is not None
    assert 1 <= len(diagnosis.unknown.guesses) <= guesses.MOST_GUESSES


def test_without_a_failure_there_is_no_guess() -> None:
    assert diagnose("the port is in use\nall is well\n" * 20).unknown is None


def test_only_entries_of_the_catalogue_in_question_are_named() -> None:
    own = Cause(
        slug="frob-lost",
        severity=Severity.ERROR,
        message="the frob is lost",
        signatures=(Signature("frob lost"),),
        page_text="The frob of the warehouse is lost.",
        family_name="own",
    )
    found = guess("the frob of the warehouse", "the frob of the warehouse", Catalogue.of([own]))
    assert [each.cause for each in found] == ["frob-lost"]


def test_the_last_lines_are_read_without_their_prefixes() -> None:
    lines = [f"2026-11-20 09:00:00 INFO line {number}" for number in range(40)]
    assert last_lines(lines).split("\n") == [f"line {number}" for number in range(40 - LAST_LINES, 40)]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("CUDA_ERROR_NO_DEVICE", {"cuda_error_no_device", "no device", "cuda"}),
        ("KeyError: x", {"keyerror", "key error", "x"}),
        ("exit status 137", {"status 137"}),
        ("job 123456789", {"job"}),
    ],
)
def test_features(text: str, inside: set[str]) -> None:
    assert inside <= features(text).keys()
    assert "123456789" not in features(text)


def test_the_file_gives_the_table_back() -> None:
    table = GuessTable(slugs=("a",), base=(-1.0,), rarity=0.1, weight=0.2, words={"x": b"\x01\x00\xff"})
    assert decode(encode(table)) == table


def test_no_library_is_needed_to_guess() -> None:
    program = (
        "import sys; from airworthy.recognition import diagnose\n"
        "assert diagnose('Error: the frob could not be loaded\\n').unknown.guesses\n"
        "print(sorted(set(sys.modules) & {'numpy', 'scipy', 'sklearn'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@given(st.text(max_size=300))
def test_any_text_can_be_guessed_about(text: str) -> None:
    for each in guess(text, text, standard()):
        assert 0 <= each.likeness <= 1
        assert each.words
