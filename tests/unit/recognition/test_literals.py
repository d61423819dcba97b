"""Many literals in one pass: every one that stands there is found, however it is looked for."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.recognition.literals import FRAGMENT, SMALL, LiteralSearch, rarest

TEXTS = st.lists(st.binary(min_size=1, max_size=40).filter(bool), min_size=1, max_size=12, unique=True)


def plainly(literals: list[bytes], data: bytes) -> list[tuple[int, int]]:
    found = []
    for number, literal in enumerate(literals):
        found += [(at, number) for at in range(len(data)) if data.startswith(literal, at)]
    return sorted(found)


@given(TEXTS, st.lists(st.integers(0, 11), max_size=8), st.binary(max_size=60))
def test_both_ways_find_all(literals: list[bytes], order: list[int], noise: bytes) -> None:
    data = noise + b"".join(literals[number % len(literals)] + noise[:3] for number in order)
    small = LiteralSearch(literals)
    assert small.find(data) == plainly(literals, data)
    large = LiteralSearch(literals)
    large._automaton = large._build()
    assert large.find(data) == plainly(literals, data)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    search = LiteralSearch([b"needle in it", b"edle"])
    data = b"x" * SMALL + b"a needle in it"
    assert search.find(data) == [(SMALL + 2, 0), (SMALL + 4, 1)]


def test_overlapping_and_nested() -> None:
    search = LiteralSearch([b"No space left on device", b"left on device", b"device", b"device full"])
    search._automaton = search._build()
    assert search.find(b"No space left on device full") == [(0, 0), (9, 1), (17, 2), (17, 3)]


def test_an_empty_literal_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        LiteralSearch([b"a", b""])


def test_the_rarest_part_is_chosen() -> None:
    literal = b"in the time of the CUBLAS_STATUS_XQ"
    at = rarest(literal)
    assert literal[at : at + FRAGMENT].endswith(b"_XQ")
    assert rarest(b"abc") == 0
