"""The half of the collected failures that nobody builds from: what a failure that was not seen before is taken for."""

from __future__ import annotations

import pytest

from airworthy.core.finding import Confidence
from airworthy.recognition import diagnose
from catalogue import CORPUS
from halves import collected, may_be_read

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the collected cases are not at {CORPUS}")

LEAST_FIRST = 0.8
"""Share of the failures whose first finding is right."""
LEAST_NAMED = 0.9
"""Share of them whose cause is the first finding or among the three guesses."""
LEAST_SURE = 0.95
"""Share of the first findings above low confidence that are right."""


def test_the_halves_are_apart() -> None:
    seen = {row["source"] for row in collected("errors-2")}
    kept = {row["source"] for row in collected("errors-2", readable=False)}
    assert seen
    assert kept
    assert not seen & kept
    assert all(may_be_read(row) for row in collected("errors-2"))


def test_failures_that_were_not_built_from(capsys: pytest.CaptureFixture[str]) -> None:
    rows = collected("errors-2", readable=False)
    first = named = sure = surely_right = 0
    for row in rows:
        right = {row["cause"], *(row.get("also") or ())}
        diagnosis = diagnose(row["log"])
        found = [finding.cause for finding in diagnosis.findings[:1]]
        guessed = [] if diagnosis.unknown is None else [guess.cause for guess in diagnosis.unknown.guesses]
        is_right = bool(right & set(found))
        first += is_right
        named += is_right or bool(right & set(guessed))
        if found and diagnosis.findings[0].confidence is not Confidence.LOW:
            sure += 1
            surely_right += is_right
    with capsys.disabled():
        print(
            f"\nkept apart: {len(rows)} failures, first right {first / len(rows):.1%}, right among a finding and three "
            f"guesses {named / len(rows):.1%}, of {sure} above low confidence {surely_right} right"
        )
    assert first >= LEAST_FIRST * len(rows)
    assert named >= LEAST_NAMED * len(rows)
    assert surely_right >= LEAST_SURE * sure
