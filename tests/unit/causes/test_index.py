"""The index of literals is that of the entries."""

from __future__ import annotations

from importlib import resources

from airworthy.causes import index
from airworthy.causes.registry import CAUSES


def test_the_index_is_fresh() -> None:
    stored = resources.files("airworthy.causes").joinpath(index.FILE).read_bytes()
    assert stored == index.made(), "run `python tools/causes_index.py`"


def test_every_cause_has_its_literals() -> None:
    assert index.literals().keys() == set(CAUSES.names())
    for slug, literals in index.literals().items():
        assert literals == index.literals_of(slug)
