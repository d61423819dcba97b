"""Asking causes: the four ways in which a check ends."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.causes.interface import Cause, Undecidable
from airworthy.causes.prediction import predict, predict_one
from airworthy.causes.registry import CAUSES
from airworthy.core.facts import Absent, Facts, Known, Unknown
from airworthy.core.finding import Finding, Severity
from airworthy.core.keys import CPU_CORES, MODEL_SIZE, Area
from airworthy.core.report import Crashed, Failed, Passed, Skipped
from airworthy.knowledge import Knowledge

KNOWN = Knowledge()
CORES = Facts({"cpu.cores": Known(1, "cpuinfo")})


def make(slug: str = "made-up") -> Cause:
    return Cause(slug=slug, severity=Severity.ERROR, message="{n} cores", needs=(CPU_CORES,))


def test_four_ways() -> None:
    cause = make()

    @cause.predict
    def check(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        yield cause.finding(facts, "cpu", evidence=(CPU_CORES,), n=facts.value(CPU_CORES))

    failed = predict_one(CORES, cause, KNOWN)
    assert isinstance(failed, Failed)
    assert failed.findings[0].message == "1 cores"
    assert failed.findings[0].evidence[0].source == "cpuinfo"
    absent = predict_one(Facts({"cpu.cores": Absent("no processor")}), cause, KNOWN)
    assert absent == Passed("made-up", note="no processor")
    unknown = predict_one(Facts({"cpu.cores": Unknown("denied")}), cause, KNOWN)
    assert unknown == Skipped("made-up", "cpu.cores is unknown: denied")
    assert predict_one(CORES, cause, KNOWN, ignored=True) == Skipped(
        "made-up", "turned off in the settings", chosen=True
    )


def test_a_crash_is_ours_and_stops_nobody() -> None:
    bad, good = make("bad"), make("good")

    @bad.predict
    def crash(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        raise ZeroDivisionError
        yield

    @good.predict
    def nothing(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        return
        yield

    first, second = predict(CORES, (bad, good), KNOWN)
    assert isinstance(first, Crashed)
    assert "ZeroDivisionError" in first.trace
    assert second == Passed("good")


def test_undecidable_is_skipped_unless_something_was_found() -> None:
    alone, after = make("alone"), make("after")

    @alone.predict
    def undecided(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        raise Undecidable("{what} is not in the tables", what="it")
        yield

    @after.predict
    def found_first(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        yield after.finding(facts, "cpu", n=1)
        raise Undecidable("the rest is open")

    assert predict_one(CORES, alone, KNOWN) == Skipped("alone", "it is not in the tables")
    assert isinstance(predict_one(CORES, after, KNOWN), Failed)


def test_only_areas_in_question_are_asked() -> None:
    model = Cause(slug="about-a-model", severity=Severity.ERROR, message="", needs=(MODEL_SIZE,))
    model.predict(lambda facts, known: iter(()))
    assert predict(CORES, (model,), KNOWN) == ()
    assert len(predict(CORES, (model,), KNOWN, areas=(Area.MODEL,))) == 1


def test_nothing_known_is_no_finding_and_no_crash() -> None:
    results = predict(Facts(), CAUSES, KNOWN, areas=tuple(Area))
    assert len(results) == sum(cause.predictor is not None for cause in CAUSES)
    assert all(isinstance(result, Skipped) for result in results)
