"""Version numbers as the world writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.version import Version

numbers = st.lists(st.integers(0, 9999), min_size=1, max_size=5)
versions = numbers.map(lambda parts: Version(".".join(map(str, parts))))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("450.80.02", "525.60.13"),
        ("525.60.13", "525.60.14"),
        ("9.2", "10.0"),
        ("2.6.0rc1", "2.6.0"),
        ("2.6.0.dev20240101", "2.6.0a1"),
        ("2.6.0a1", "2.6.0b1"),
        ("2.6.0b1", "2.6.0rc1"),
        ("2.6.0rc1", "2.6.0rc2"),
        ("2.6.0", "2.6.0.1"),
        ("570", "570.26"),
    ],
)
def test_order(older: str, newer: str) -> None:
    assert Version(older) < Version(newer)
    assert Version(newer) > Version(older)
    assert Version(older) != Version(newer)


@pytest.mark.parametrize(
    ("one", "other"), [("12", "12.0"), ("2.6.0+cu124", "2.6.0"), ("2.6.0+cu124", "2.6.0+cpu"), (" v1.2 ", "1.2.0.0")]
)
def test_equal(one: str, other: str) -> None:
    assert Version(one) == Version(other)
    assert hash(Version(one)) == hash(Version(other))
    assert Version(one) <= Version(other)


def test_parts() -> None:
    version = Version("2.6.0+cu124")
    assert (version.major, version.minor, version.numbers, version.local) == (2, 6, (2, 6, 0), "cu124")
    assert str(version) == version.text == "2.6.0+cu124"
    assert Version("535").minor == 0


@pytest.mark.parametrize("text", ["", "unknown", "+1.2", "1" * 201])
def test_not_a_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        Version(text)


def test_is_not_equal_to_its_text() -> None:
    assert Version("1.2") != "1.2"


@given(versions, versions, versions)
def test_the_order_is_total(a: Version, b: Version, c: Version) -> None:
    assert (a < b) + (a == b) + (a > b) == 1
    if a <= b <= c:
        assert a <= c
    if a == b:
        assert hash(a) == hash(b)


@given(numbers)
def test_text_comes_back(parts: list[int]) -> None:
    text = ".".join(map(str, parts))
    assert Version(text).text == text
    assert Version(text).numbers == tuple(parts)


@given(st.text(max_size=300))
def test_any_text_is_a_version_or_one_error(text: str) -> None:
    try:
        version = Version(text)
    except ValueError:
        return
    assert version.numbers
    assert version == Version(version.text)
