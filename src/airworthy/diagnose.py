"""Recognising: which causes does a program's output show, the root before what followed from it.

The text is gone through once. A signature's literal is looked for first, its pattern only where the literal stands.
Where facts are given, a cause that was recognised is asked whether they agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Union

import msgspec

from airworthy.causes.interface import Cause, Signature
from airworthy.causes.prediction import predict_one
from airworthy.causes.registry import CAUSES
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding
from airworthy.core.report import Crashed, Failed, Passed, Skipped
from airworthy.knowledge import Knowledge

MOST_LINES = 3
"""How many lines of the log a finding quotes."""
LONGEST_QUOTE = 500
"""Characters of a quoted line."""
STEP_FROM_ROOT = 0.2
"""What each exception raised while another was handled is behind its root: more than two signatures' usual distance."""
AGREEMENT = 0.3
"""What facts that confirm a cause add, and facts that speak against it take away."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_START = "Traceback (most recent call last):"
_JOINTS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What a program's output shows."""

    findings: tuple[Finding, ...] = ()
    """The causes that it shows, the root and the surest first; empty where nothing is recognised."""
    undecided: tuple[Union[Skipped, Crashed], ...] = ()
    """Causes that it shows and that the facts could neither confirm nor deny, with the reason."""


class _Hit(NamedTuple):
    cause: Cause
    signature: Signature
    params: dict[str, str]
    number: int
    line: str
    depth: int

    @property
    def score(self) -> float:
        return self.signature.weight - STEP_FROM_ROOT * self.depth

    @property
    def evidence(self) -> Evidence:
        return Evidence(line=self.number, value=self.line.strip()[:LONGEST_QUOTE], source="log")


def diagnose(
    text: str, facts: Facts | None = None, *, causes: Iterable[Cause] | None = None, known: Knowledge | None = None
) -> Diagnosis:
    """Tell what a program's output shows.

    Args:
        text: a log, a traceback, what a command printed.
        facts: what is known about the machine it ran on.
        causes: the catalogue, or a part of it.
        known: the tables.
    """
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    by_cause: dict[str, list[_Hit]] = {}
    for hit in _hits(text, CAUSES if causes is None else causes):
        by_cause.setdefault(hit.cause.slug, []).append(hit)
    judged = [_judge(hits, facts, known or Knowledge()) for hits in by_cause.values()]
    judged.sort(key=lambda each: (-each.score, each.number))
    return Diagnosis(
        findings=tuple(each.finding for each in judged),
        undecided=tuple(each.undecided for each in judged if each.undecided is not None),
    )


def _hits(text: str, causes: Iterable[Cause]) -> Iterator[_Hit]:
    # Most literals are nowhere in a text; those are ruled out once, not line by line.
    live = [
        (cause, present)
        for cause in causes
        if (present := [signature for signature in cause.signatures if signature.literal in text])
    ]
    if not live:
        return
    depth, joined = 0, False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.rstrip().endswith(_JOINTS):
            joined = True
        elif line.rstrip().endswith(_START):
            depth, joined = (depth + 1, False) if joined else (0, False)
        for cause, signatures in live:
            for signature in signatures:
                params = signature.match(line)
                if params is not None:
                    yield _Hit(cause, signature, params, number, line, depth)
                    break


class _Judged(NamedTuple):
    finding: Finding
    score: float
    number: int
    undecided: Union[Skipped, Crashed, None]


def _judge(hits: list[_Hit], facts: Facts | None, known: Knowledge) -> _Judged:
    best = max(hits, key=lambda hit: (hit.score, -hit.number))
    others = [hit.evidence for hit in hits if hit is not best][: MOST_LINES - 1]
    finding = best.cause.recognised(best.evidence, best.signature, best.params, facts or Facts())
    finding = msgspec.structs.replace(finding, evidence=(*finding.evidence, *others))
    if facts is None or best.cause.predictor is None:
        return _Judged(finding, best.score, best.number, None)
    result = predict_one(facts, best.cause, known)
    if isinstance(result, Failed):
        return _Judged(_confirmed(finding, result.findings), best.score + AGREEMENT, best.number, None)
    if isinstance(result, Passed):
        # The facts may be of another moment or another machine, so the log is still told, with less behind it.
        doubted = msgspec.structs.replace(finding, confidence=Confidence.LOW)
        return _Judged(doubted, best.score - AGREEMENT, best.number, None)
    return _Judged(finding, best.score, best.number, result)


def _confirmed(seen: Finding, predicted: tuple[Finding, ...]) -> Finding:
    """What the facts say in place of what the log says, with both as evidence."""
    values = {str(value) for value in seen.params.values()}
    told = max(predicted, key=lambda each: len(values & {str(value) for value in each.params.values()}))
    return msgspec.structs.replace(
        told,
        severity=seen.severity,  # it did happen
        confidence=Confidence.HIGH,
        params={**seen.params, **told.params},
        evidence=(*seen.evidence, *told.evidence),
    )
