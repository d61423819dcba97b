"""Asking one cause about the facts: `check` asks all of them, `diagnose` those that a log names."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import Any

from airworthy.causes.interface import Cause, Undecidable
from airworthy.core.facts import Absent, Facts, Unknown
from airworthy.core.finding import Finding
from airworthy.core.keys import Key
from airworthy.core.report import CheckResult, Crashed, Failed, Passed, Skipped
from airworthy.core.words import say
from airworthy.knowledge import Knowledge

MOST_REASONS = 3
"""How many unknown facts a skipped check names."""


def predict_one(facts: Facts, cause: Cause, known: Knowledge, *, ignored: bool = False) -> CheckResult:
    """Ask one cause; an unknown need skips it, an absent one passes it, an exception is a crash of ours."""
    if cause.predictor is None:
        return Skipped(cause.slug, cause.unpredictable)
    decided = decided_before(cause.slug, cause.needs, facts, ignored=ignored)
    if decided is not None:
        return decided
    findings: list[Finding] = []
    try:
        findings.extend(cause.predictor(facts, known))
    except Undecidable as undecidable:
        if not findings:
            return Skipped(cause.slug, str(undecidable))
    except Exception:  # noqa: BLE001 - whatever a check does wrong must not stop the others
        return Crashed(cause.slug, traceback.format_exc())
    return Failed(cause.slug, tuple(findings)) if findings else Passed(cause.slug)


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
