"""No pattern that may never come to an end."""

from __future__ import annotations

import pytest

from airworthy.causes.patterns import hazard
from airworthy.causes.registry import CAUSES


@pytest.mark.parametrize(
    "pattern", [r"(a+)+b", r"(?:\w*\s*)*x", r"(.*)*", r"(?:(?:ab*)+c?)*d", r"(x|y+)*z", r"(\d+,?)+$"]
)
def test_dangerous(pattern: str) -> None:
    assert hazard(pattern)


@pytest.mark.parametrize(
    "pattern", [r"", r"a+b*", r"(?P<n>\d+) of \d+", r"(?:/\w+)+", r"(?:\.\d+){0,4}", r"(ab)+", r"(?:, \d+)*", r"^.*?x"]
)
def test_harmless(pattern: str) -> None:
    assert hazard(pattern) == ""


@pytest.mark.parametrize("slug", CAUSES.names())
def test_the_catalogues_own(slug: str) -> None:
    for signature in CAUSES.get(slug).signatures:
        assert hazard(signature.pattern) == "", signature
