"""Whether a version is as good as the one before, from what both answered: three verdicts, and no data never passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from airworthy.core.messages import say

Outcome = Literal["passed", "failed", "undecided"]

SIGNIFICANCE = 0.01
"""The probability that equal versions differ so, below which a difference counts."""
EARLY_SIGNIFICANCE = 0.0005
"""The same before all samples are there, when it is tested again and again."""
MIN_EARLY_SAMPLES = 10
"""Answers of the new version below which nothing is judged."""
ERROR_TOLERANCE = 0.01
"""The share by which more answers may be errors before more data is waited for."""


class Observed(NamedTuple):
    """What one version answered."""

    answers: int
    """Requests that ended, errors among them."""
    errors: int
    """Those that ended with an error."""
    seconds: Sequence[float]
    """Latency of answers without an error."""
    empty: int = 0
    """Generated texts without a token."""


class AnswerDrift(NamedTuple):
    """How far answers of the two versions to the same requests lie apart."""

    differences: Sequence[float]
    """Each the largest difference within an answer, relative to its largest value."""
    incomparable: int
    """Answers of other names, types or shapes."""
    limit: float
    """The largest difference that passes; below 0 none is demanded."""


class TrialVerdict(NamedTuple):
    """What was decided."""

    outcome: Outcome
    """`undecided` where there is too little data, or it points neither way."""
    reasons: tuple[str, ...]
    """Why it failed or is undecided; what was found where it passed."""


def judge(old: Observed, new: Observed, drift: AnswerDrift, samples: int, max_slowdown: float) -> TrialVerdict:
    """Judge a version beside the one before it.

    Args:
        old: what the one before answered in the same time.
        new: what it answered.
        drift: how far answers to the same requests lie apart.
        samples: answers of each that are needed.
        max_slowdown: the share by which the median latency may grow.
    """
    complete = min(old.answers, new.answers) >= samples
    early = not complete
    if early and new.answers < min(MIN_EARLY_SAMPLES, samples):
        return TrialVerdict("undecided", (_too_few(old, new, samples),))
    level = EARLY_SIGNIFICANCE if early else SIGNIFICANCE
    found = [
        _judge_share(old, new, level, "errors", say("errors")),
        _judge_share(old, new, level, "empty", say("empty answers")),
        _judge_latency(old, new, max_slowdown, level),
        _judge_drift(drift),
    ]
    failed = tuple(reason for outcome, reason in found if outcome == "failed")
    if failed:
        return TrialVerdict("failed", failed)
    if early:
        return TrialVerdict("undecided", (_too_few(old, new, samples),))
    open_ = tuple(reason for outcome, reason in found if outcome == "undecided")
    if open_:
        return TrialVerdict("undecided", open_)
    return TrialVerdict("passed", tuple(reason for _, reason in found if reason))


def _too_few(old: Observed, new: Observed, samples: int) -> str:
    template = "{new} answers of the new version and {old} of the one before; {samples} of each are needed"
    return say(template, new=new.answers, old=old.answers, samples=samples)


def _judge_share(old: Observed, new: Observed, level: float, field: str, what: str) -> tuple[Outcome, str]:
    worse, before = getattr(new, field), getattr(old, field)
    shares = (worse / max(new.answers, 1), before / max(old.answers, 1))
    reason = say("{what}: {new:.2%} of its answers, {old:.2%} before", what=what, new=shares[0], old=shares[1])
    if shares[0] <= shares[1]:
        return "passed", reason if worse or before else ""
    probability = fisher(worse, new.answers - worse, before, old.answers - before)
    if probability < level:
        return "failed", reason
    return ("passed" if shares[0] - shares[1] <= ERROR_TOLERANCE else "undecided"), reason


def _judge_latency(old: Observed, new: Observed, max_slowdown: float, level: float) -> tuple[Outcome, str]:
    if not old.seconds or not new.seconds:
        return "undecided", say("no latencies to compare")
    first, second = median(old.seconds), median(new.seconds)
    reason = say("median latency {new:seconds}, {old:seconds} before", new=second, old=first)
    if second <= first * (1 + max_slowdown):
        return "passed", reason
    return ("failed" if greater(new.seconds, old.seconds) < level else "undecided"), reason


def _judge_drift(drift: AnswerDrift) -> tuple[Outcome, str]:
    largest = max(drift.differences, default=0.0)
    count = len(drift.differences)
    reason = say("largest difference {largest:.3g} in {count} compared answers", largest=largest, count=count)
    if drift.limit < 0:
        return "passed", reason if count else ""
    if drift.incomparable:
        return "failed", say("{count} answers have another shape", count=drift.incomparable)
    if not count:
        return "undecided", say("no answers could be compared")
    return ("failed" if largest > drift.limit else "passed"), reason


# --- statistics -----------------------------------------------------------------------------------------------------


def median(values: Sequence[float]) -> float:
    """The middle value; the mean of both where there are two."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def fisher(worse_new: int, good_new: int, worse_old: int, good_old: int) -> float:
    """The probability that equal versions would give the new one so many errors, or more (Fisher's exact test)."""
    new, worse, total = worse_new + good_new, worse_new + worse_old, worse_new + good_new + worse_old + good_old
    most = min(new, worse)
    logs = [
        _log_choose(worse, count) + _log_choose(total - worse, new - count) - _log_choose(total, new)
        for count in range(worse_new, most + 1)
    ]
    return min(1.0, sum(map(math.exp, logs)))


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def greater(first: Sequence[float], second: Sequence[float]) -> float:
    """The probability that equal distributions give the first so much greater values (Mann-Whitney, ties corrected)."""
    merged = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    n, m, total = len(first), len(second), len(first) + len(second)
    if not n or not m:
        return 1.0
    ranks, ties, at = 0.0, 0.0, 0
    while at < total:
        end = at
        while end < total and merged[end][0] == merged[at][0]:
            end += 1
        size = end - at
        ranks += (at + 1 + end) / 2 * sum(1 for _, which in merged[at:end] if which == 0)
        ties += size**3 - size
        at = end
    above = ranks - n * (n + 1) / 2
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    score = (above - n * m / 2 - 0.5) / math.sqrt(variance)
    return 0.5 * math.erfc(score / math.sqrt(2))
