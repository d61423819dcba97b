"""Which candidate is taken, and which are on the front."""

from __future__ import annotations

from typing import Any

import pytest

from airworthy.knowledge.recipes import recipes
from airworthy.optimize.choice import Candidate, choose, with_front
from airworthy.optimize.gating import QualityResult, SpeedResult

SIZE = 1000


def _candidate(
    name: str, size: int, time: float, loss: float, verdict: Any = "passed", spread: float = 0.02
) -> Candidate:
    quality = QualityResult(
        verdict=verdict,
        metric="accuracy",
        rows=100,
        before=0.9,
        after=0.9 - loss,
        difference=-loss,
        low=-loss - 0.01,
        high=-loss + 0.01,
        margin=0.01,
        tier=0.99,
    )
    speed = SpeedResult(
        verdict="passed",
        pairs=100,
        batch=1,
        before=1.0,
        after=time,
        ratio=time,
        low=time - 0.02,
        high=time + 0.02,
        most=1.0,
        confidence=0.98,
    )
    return Candidate(name=name, what="", source="", size=size, quality=quality, speed=speed)


FAST = _candidate("fast", 300, 0.5, 0.008)
SMALL = _candidate("small", 200, 1.4, 0.004)
EXACT = _candidate("exact", 400, 0.8, 0.001)
LOSSY = _candidate("lossy", 100, 0.2, 0.2, "failed")
UNDECIDED = _candidate("undecided", 150, 0.3, 0.005, "not enough data")
BROKEN = Candidate(name="broken", what="", source="", problem="it could not be made")


@pytest.mark.parametrize(("prefer", "name"), [("latency", "fast"), ("size", "small"), ("accuracy", "exact")])
def test_what_is_preferred_decides(prefer: Any, name: str) -> None:
    chosen = choose([FAST, SMALL, EXACT, LOSSY, UNDECIDED, BROKEN], prefer, SIZE)
    assert chosen is not None
    assert chosen.name == name


def test_a_proven_loss_is_never_taken_and_neither_is_what_gains_nothing() -> None:
    assert choose([LOSSY, BROKEN], "latency", SIZE) is None
    assert choose([_candidate("slower", 900, 1.2, 0.0)], "latency", SIZE) is None
    assert choose([_candidate("larger", 1100, 0.5, 0.0)], "size", SIZE) is None
    assert choose([_candidate("perhaps", 900, 0.99, 0.0)], "latency", SIZE) is None


def test_what_is_undecided_comes_after_what_is_proven() -> None:
    chosen = choose([UNDECIDED, EXACT], "latency", SIZE)
    assert chosen is not None
    assert chosen.name == "exact"
    assert choose([UNDECIDED], "latency", SIZE) == UNDECIDED


def test_the_front_holds_what_nothing_else_beats() -> None:
    worse = _candidate("worse", 500, 0.9, 0.01)
    best = {each.name: each.best for each in with_front([FAST, SMALL, EXACT, worse, BROKEN])}
    assert best == {"fast": True, "small": True, "exact": True, "worse": False, "broken": False}


def test_recipes_suit_the_graph_and_the_processor() -> None:
    assert recipes({"LinearClassifier"}, ()) == ()
    convolutions = {each.name for each in recipes({"Conv"}, ("avx512_vnni",))}
    assert convolutions == {"static-int8-minmax", "static-int8-entropy", "static-int8-percentile"}
    assert "dynamic-int7" not in {each.name for each in recipes({"MatMul"}, ("avx_vnni",))}
    assert "dynamic-int7" in {each.name for each in recipes({"MatMul"}, ("avx2",))}
    assert all(each.source and each.checked for each in recipes({"Conv", "MatMul"}, ()))
