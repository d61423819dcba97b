"""Predicting: every cause in question is asked about the facts, and each check ends in one of four ways."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from airworthy.causes.interface import Cause
from airworthy.causes.prediction import predict_one
from airworthy.core.facts import Facts
from airworthy.core.keys import Area
from airworthy.core.report import CheckResult
from airworthy.knowledge import Knowledge

__all__ = ["predict", "predict_one"]


def predict(
    facts: Facts,
    causes: Iterable[Cause],
    known: Knowledge,
    *,
    areas: Collection[Area] = (Area.HOST, Area.ENVIRONMENT),
    ignore: Collection[str] = (),
) -> tuple[CheckResult, ...]:
    """Ask each cause whether it will happen.

    Args:
        facts: what is known.
        causes: the catalogue, or a part of it.
        known: the tables.
        areas: what is in question; a cause that needs a fact of another area is not asked.
        ignore: slugs that a person turned off; they end as skipped, by choice.
    """
    asked = (c for c in causes if c.predictor is not None and c.areas <= frozenset(areas))
    return tuple(predict_one(facts, cause, known, ignored=cause.slug in ignore) for cause in asked)
