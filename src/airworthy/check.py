"""Predicting: every cause in question is asked about the facts, and each check ends in one of four ways."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from airworthy.causes.index import stored, stored_needs
from airworthy.causes.interface import Cause
from airworthy.causes.prediction import decided_before, predict_one
from airworthy.core.facts import Facts
from airworthy.core.keys import Area
from airworthy.core.registry import Registry
from airworthy.core.report import CheckResult
from airworthy.knowledge import Knowledge

__all__ = ["predict", "predict_one"]


def predict(
    facts: Facts,
    causes: Iterable[Cause] | Registry[Cause],
    known: Knowledge,
    *,
    areas: Collection[Area] = (Area.HOST, Area.ENVIRONMENT),
    ignore: Collection[str] = (),
) -> tuple[CheckResult, ...]:
    """Ask each cause whether it will happen.

    Args:
        facts: what is known.
        causes: the catalogue, of which only the causes are imported that have to be asked; or a part of it.
        known: the tables.
        areas: what is in question; a cause that needs a fact of another area is not asked.
        ignore: slugs that a person turned off; they end as skipped, by choice.
    """
    if isinstance(causes, Registry):
        return tuple(_by_the_index(facts, causes, known, frozenset(areas), ignore))
    asked = (c for c in causes if c.predictor is not None and c.areas <= frozenset(areas))
    return tuple(predict_one(facts, cause, known, ignored=cause.slug in ignore) for cause in asked)


def _by_the_index(
    facts: Facts, registry: Registry[Cause], known: Knowledge, areas: frozenset[Area], ignore: Collection[str]
) -> Iterator[CheckResult]:
    indexed, needs = stored(), stored_needs()
    for slug in registry.names():
        if slug in indexed and slug in registry.own_names():
            if slug not in needs or not {key.area for key in needs[slug]} <= areas:
                continue
            decided = decided_before(slug, needs[slug], facts, ignored=slug in ignore)
            if decided is not None:
                yield decided
                continue
        cause = registry.get(slug)
        if cause.predictor is not None and cause.areas <= areas:
            yield predict_one(facts, cause, known, ignored=slug in ignore)
