"""Which of several smaller models to take: none that loses on both counts, the best by what is preferred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional

import msgspec

from airworthy.optimize.gating import QualityResult, SpeedResult

Preference = Literal["latency", "size", "accuracy"]
PREFERENCES: tuple[Preference, ...] = ("latency", "size", "accuracy")
"""What a choice can prefer."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A smaller model, and what came of measuring it beside the original."""

    name: str
    """The recipe that made it."""
    what: str
    """What the recipe does, one line."""
    source: str
    """Where the recipe is described."""
    size: int = 0
    """Bytes of its file."""
    problem: str = ""
    """Why it could not be made or run; empty where it was measured."""
    quality: Optional[QualityResult] = None
    """Its quality beside the original's, on rows that chose between candidates."""
    speed: Optional[SpeedResult] = None
    """Its speed beside the original's."""
    best: bool = False
    """Whether no other candidate is better in one of size, speed and quality and no worse in the others."""

    @property
    def measured(self) -> bool:
        """Whether there are figures of it."""
        return self.quality is not None and self.speed is not None


def with_front(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates with those marked that no other one dominates (the Pareto front)."""
    return tuple(
        msgspec.structs.replace(each, best=each.measured and not any(_dominates(other, each) for other in candidates))
        for each in candidates
    )


def choose(candidates: Sequence[Candidate], prefer: Preference, size: int) -> Candidate | None:
    """The candidate to take, or None where the original is as good a choice.

    A candidate is eligible where its quality passed, or could not be disproven for want of rows, and where it gains
    something: it is proven faster, or smaller without being proven slower. With `size`, being slower is no hindrance.

    Args:
        candidates: what was measured.
        prefer: what decides among those.
        size: bytes of the original.
    """
    eligible = [each for each in candidates if each.measured and _eligible(each, prefer, size)]
    return min(eligible, key=lambda each: _order(each, prefer), default=None)


def _eligible(candidate: Candidate, prefer: Preference, size: int) -> bool:
    assert candidate.quality is not None
    assert candidate.speed is not None
    if candidate.quality.verdict == "failed":
        return False
    faster, slower = candidate.speed.high < 1.0, candidate.speed.low > 1.0
    smaller = candidate.size < size
    return smaller if prefer == "size" else faster or (smaller and not slower and prefer == "accuracy")


def _order(candidate: Candidate, prefer: Preference) -> tuple[float, ...]:
    assert candidate.quality is not None
    assert candidate.speed is not None
    undecided = float(candidate.quality.verdict != "passed")
    loss = -candidate.quality.difference
    figures = {"latency": candidate.speed.ratio, "size": float(candidate.size), "accuracy": loss}
    others = [figures[name] for name in PREFERENCES if name != prefer]
    return (undecided, figures[prefer], *others)


def _dominates(one: Candidate, other: Candidate) -> bool:
    if one is other or not one.measured:
        return False
    mine, theirs = _figures(one), _figures(other)
    return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs


def _figures(candidate: Candidate) -> tuple[float, float, float]:
    """Size, time and loss; less is better."""
    if candidate.quality is None or candidate.speed is None:
        return (float("inf"),) * 3
    return float(candidate.size), candidate.speed.ratio, -candidate.quality.difference
