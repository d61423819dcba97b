"""Predicting: every cause in question is asked about the facts, and each check ends in one of four ways."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable

from airworthy.causes.interface import Cause
from airworthy.core.facts import Absent, Facts, Unknown
from airworthy.core.keys import Area
from airworthy.core.report import CheckResult, Crashed, Failed, Passed, Skipped
from airworthy.core.words import say
from airworthy.knowledge import Knowledge

MOST_REASONS = 3
"""How many unknown facts a skipped check names."""


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


def predict_one(facts: Facts, cause: Cause, known: Knowledge, *, ignored: bool = False) -> CheckResult:
    """Ask one cause; an unknown need skips it, an absent one passes it, an exception is a crash of ours."""
    if cause.predictor is None:
        return Skipped(cause.slug, cause.unpredictable)
    if ignored:
        return Skipped(cause.slug, say("turned off in the settings"), chosen=True)
    for key in cause.needs:
        fact = facts.fact(key)
        if isinstance(fact, Absent):
            return Passed(cause.slug, note=fact.source)
    unknown = [(key, fact) for key in cause.needs if isinstance(fact := facts.fact(key), Unknown)]
    if unknown:
        reasons = [say("{fact} is unknown: {reason}", fact=k.name, reason=f.reason) for k, f in unknown[:MOST_REASONS]]
        return Skipped(cause.slug, "; ".join(reasons))
    try:
        findings = tuple(cause.predictor(facts, known))
    except Exception:  # noqa: BLE001 - whatever a check does wrong must not stop the others
        return Crashed(cause.slug, traceback.format_exc())
    return Failed(cause.slug, findings) if findings else Passed(cause.slug)
