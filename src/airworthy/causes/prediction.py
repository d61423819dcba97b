"""Asks causes about facts: `check` asks all in question, `diagnose` those that a log names."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.interface import Cause, Undecidable
from airworthy.core.facts import Absent, Facts, Unknown
from airworthy.core.finding import Finding
from airworthy.core.keys import Area, Key
from airworthy.core.messages import say
from airworthy.core.report import CheckResult, Crashed, Failed, Passed, Skipped
from airworthy.knowledge import Knowledge

MOST_REASONS = 3
"""How many unknown facts a skipped check names."""


def predict(
    facts: Facts,
    causes: Catalogue | Iterable[Cause],
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
    if isinstance(causes, Catalogue):
        return tuple(_by_the_index(facts, causes, known, frozenset(areas), ignore))
    asked = (c for c in causes if c.predictor is not None and c.areas <= frozenset(areas))
    return tuple(predict_one(facts, cause, known, ignored=cause.slug in ignore) for cause in asked)


def _by_the_index(
    facts: Facts, catalogue: Catalogue, known: Knowledge, areas: frozenset[Area], ignore: Collection[str]
) -> Iterator[CheckResult]:
    for slug in catalogue.slugs:
        if slug in catalogue.unpredictable:
            continue
        needs = catalogue.needs.get(slug)
        if needs is not None:
            if not {key.area for key in needs} <= areas:
                continue
            decided = decided_before(slug, needs, facts, ignored=slug in ignore)
            if decided is not None:
                yield decided
                continue
        cause = catalogue.get(slug)
        if cause.predictor is not None and cause.areas <= areas:
            yield predict_one(facts, cause, known, ignored=slug in ignore)


def predict_one(facts: Facts, cause: Cause, known: Knowledge, *, ignored: bool = False) -> CheckResult:
    """Ask one cause; an unknown need skips it, an absent one passes it, an exception is a crash of ours."""
    predictor = cause.predictor
    if predictor is None:
        return Skipped(cause.slug, cause.unpredictable)
    decided = decided_before(cause.slug, cause.needs, facts, ignored=ignored)
    if decided is not None:
        return decided
    return outcome_of(cause.slug, lambda: predictor(facts, known))


def outcome_of(slug: str, found: Callable[[], Iterable[Finding]]) -> CheckResult:
    """How a check ends that yields its findings; what it found before it could not decide the rest counts.

    Args:
        slug: the slug of the cause.
        found: makes the findings.
    """
    findings: list[Finding] = []
    try:
        findings.extend(found())
    except Undecidable as undecidable:
        if not findings:
            return Skipped(slug, str(undecidable))
    except Exception:  # noqa: BLE001 - whatever a check does wrong must not stop the others
        return Crashed(slug, traceback.format_exc())
    return Failed(slug, tuple(findings)) if findings else Passed(slug)


def decided_before(slug: str, needs: Iterable[Key[Any]], facts: Facts, *, ignored: bool = False) -> CheckResult | None:
    """How a check ends by what its cause needs alone; None where its cause has to be asked."""
    if ignored:
        return Skipped(slug, say("turned off in the settings"), chosen=True)
    for key in needs:
        fact = facts.fact(key)
        if isinstance(fact, Absent):
            return Passed(slug, note=fact.source)
    unknown = [(key, fact) for key in needs if isinstance(fact := facts.fact(key), Unknown)]
    if unknown:
        reasons = [say("{fact} is unknown: {reason}", fact=k.name, reason=f.reason) for k, f in unknown[:MOST_REASONS]]
        return Skipped(slug, "; ".join(reasons))
    return None
