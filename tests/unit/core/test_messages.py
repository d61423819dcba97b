"""Templates, units and translations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.messages import bytes_text, count_text, placeholders, say, seconds_text, use_catalogue


@pytest.fixture
def german() -> Iterator[None]:
    use_catalogue({"{path} is gone": "{path} ist weg"})
    yield
    use_catalogue({})


def test_template() -> None:
    assert say("{path} holds {size:bytes}", path="/m", size=1536) == "/m holds 1.5 KiB"
    assert say("{names}", names=("a", "b")) == "a, b"
    assert say("{n:>4}", n=3) == "   3"
    assert say("{name!r}", name="x") == "'x'"
    assert say("plain") == "plain"


def test_missing_parameter() -> None:
    with pytest.raises(KeyError):
        say("{path} is gone")


@pytest.mark.usefixtures("german")
def test_translation() -> None:
    assert say("{path} is gone", path="x") == "x ist weg"
    assert say("{path} is here", path="x") == "x is here"


def test_placeholders() -> None:
    assert placeholders("{a} {b:bytes} {c.d} {e[0]} {{f}}") == {"a", "b", "c", "e"}


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (150 * 1024, "150 KiB"), (3 * 1024**3, "3.0 GiB")],
)
def test_bytes(count: int, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.003, "3 ms"), (1.25, "1.2 s"), (119, "119.0 s"), (240, "4 min")])
def test_seconds(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(7, "7"), (22_700_000, "22.7 M"), (13e9, "13.0 B")])
def test_count(count: float, text: str) -> None:
    assert count_text(count) == text


@given(st.integers(0, 2**80))
def test_any_size_has_a_unit(count: int) -> None:
    assert bytes_text(count).rsplit(" ", 1)[1] in {"B", "KiB", "MiB", "GiB", "TiB", "PiB"}


@given(st.text(alphabet=st.characters(exclude_characters="{}"), max_size=50))
def test_text_without_braces_stays(text: str) -> None:
    assert say(text) == text
