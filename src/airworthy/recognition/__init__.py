"""Recognising: which causes does a program's output show, the root before what followed from it.

The text is gone through once, in pieces: literals first, a pattern only where its literal stands. The lines found are
ranked by where they stand, by which cause brings about which, by how few causes print them, and by what facts say.
Where nothing is recognised, nothing is claimed: the answer is the template of the line that says most, and the
entries nearest to it, marked as guesses.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from typing import Union

import msgspec

from airworthy.causes.catalogue import Catalogue, standard
from airworthy.causes.causality import SURFACES
from airworthy.causes.interface import Cause
from airworthy.causes.prediction import predict_one
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Standing
from airworthy.core.messages import say
from airworthy.core.report import CheckResult, Crashed, Failed, Passed, Skipped
from airworthy.knowledge import Knowledge
from airworthy.recognition.failure_lines import around, failure_line
from airworthy.recognition.features import last_lines
from airworthy.recognition.guesses import Guess, guess
from airworthy.recognition.ranking import Ranked, rank
from airworthy.recognition.scan import PIECE, Hit, LogScan
from airworthy.recognition.text_index import TextIndex, text_index
from airworthy.recognition.writing import SOURCE_CODE, read_as

MOST_LINES = 3
"""How many lines of the log a finding quotes."""
LONGEST_QUOTE = 500
"""Characters of a quoted line."""
WRAPPERS = frozenset(SURFACES[:2])
"""Causes that only say that something else failed."""
LEAST_SURE = 3
"""How surely a line must report a failure to be what a wrapper's words are about, or to be one in a text of prose."""

_WRAPPED = re.compile(rb"[ \t]{0,200}\r?\n[ \t]{20,200}(?=\S)")


class UnknownFailure(msgspec.Struct, frozen=True):
    """A failure that no entry knows."""

    line: int
    """The number of the line that says most, from 1."""
    text: str
    """That line, without what loggers put before it."""
    template: str
    """What it says, with numbers, paths and names as placeholders: the same for the same fault."""
    guesses: tuple[Guess, ...] = ()
    """The likeliest entries, the likeliest first, each with the words that weighed. None of them is a finding."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What a program's output shows."""

    findings: tuple[Finding, ...] = ()
    """The causes that it shows, the root first; each other one says why it was passed over. Empty where nothing is
    recognised."""
    undecided: tuple[Union[Skipped, Crashed], ...] = ()
    """Causes that it shows and that the facts could neither confirm nor deny, with the reason."""
    unknown: UnknownFailure | None = None
    """The failure that it reports where no cause is recognised; None also where it reports none."""
    remarks: tuple[Finding, ...] = ()
    """Words of wrappers around a failure that no entry knows: they say that something failed, and not what."""
    read_as: str = ""
    """What the text reads as, where it is no program's output: `source code` or `prose`. Its findings are then of low
    confidence, because such a text quotes errors that did not happen."""


def diagnose(
    text: str | bytes,
    facts: Facts | None = None,
    catalogue: Catalogue | None = None,
    *,
    known: Knowledge | None = None,
) -> Diagnosis:
    """Say what a program's output shows.

    Args:
        text: a log, a traceback, what a command printed.
        facts: what is known about the machine it ran on.
        catalogue: the causes that are looked for; those of this installation if None.
        known: the tables.
    """
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    entries = text_index(catalogue or standard())
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    scan = gone_through(pieces, entries)
    if not scan.hits and len(data) <= PIECE:
        scan = unwrapped(data, entries) or scan
    return diagnose_scan(scan, entries, facts, known=known)


def gone_through(pieces: Iterable[bytes], entries: TextIndex) -> LogScan:
    """A log, gone through."""
    scan = LogScan(entries)
    for piece in pieces:
        scan.feed(piece)
    scan.close()
    return scan


def unwrapped(data: bytes, entries: TextIndex) -> LogScan | None:
    """A log in which nothing was recognised, gone through again with the lines joined that a console wrapped.

    None where nothing is recognised in that either. The numbers are those of the joined lines.
    """
    joined = _WRAPPED.sub(b" ", data)
    if joined == data:
        return None
    scan = gone_through((joined,), entries)
    return scan if scan.hits else None


def diagnose_scan(
    scan: LogScan,
    entries: TextIndex,
    facts: Facts | None = None,
    *,
    known: Knowledge | None = None,
) -> Diagnosis:
    """What follows from what was seen in a log.

    Args:
        scan: what was seen.
        entries: the texts that it was searched for.
        facts: what is known about the machine it ran on.
        known: the tables.
    """
    kind = read_as(scan.head)
    if not scan.hits:
        return Diagnosis(unknown=_unknown(scan, entries, kind=kind), read_as=kind)
    if scan.hits.keys() <= WRAPPERS:
        wrapped = _unknown(scan, entries, kind=kind, deeper=True)
        if wrapped is not None:
            ranked = rank(scan.hits, ready=scan.ready)
            return Diagnosis(
                unknown=wrapped, remarks=tuple(_finding(each, facts, None) for each in ranked), read_as=kind
            )
    known = known or Knowledge()
    results = {} if facts is None else {slug: _ask(entries.catalogue.get(slug), facts, known) for slug in scan.hits}
    standings = {slug: _standing(result) for slug, result in results.items()}
    ranked = rank(scan.hits, ready=scan.ready, standings=standings, more=entries.catalogue.brings_about)
    findings: list[Finding] = []
    undecided: list[Union[Skipped, Crashed]] = []
    for each in ranked:
        slug = each.hit.cause.slug
        result = results.get(slug)
        if isinstance(result, (Skipped, Crashed)) and each.hit.cause.predictor is not None:
            undecided.append(result)
        try:
            findings.append(_finding(each, facts, result))
        except Exception:  # noqa: BLE001 - an entry that can't work out its ways out must not hide the cause
            findings.append(_finding(each, facts, result, remedies=False))
            undecided.append(Crashed(slug, traceback.format_exc()))
    if kind:
        findings = [msgspec.structs.replace(each, confidence=Confidence.LOW) for each in findings]
    return Diagnosis(findings=tuple(findings), undecided=tuple(undecided), read_as=kind)


def _ask(cause: Cause, facts: Facts, known: Knowledge) -> CheckResult:
    """What the facts say of a cause that a log shows; a pass that proves nothing leaves it open."""
    result = predict_one(facts, cause, known)
    if isinstance(result, Passed) and cause.blind_spot and not result.note:
        return Skipped(cause.slug, say(cause.blind_spot))
    return result


def _standing(result: CheckResult) -> Standing:
    if isinstance(result, Failed):
        return Standing.CONFIRMED
    return Standing.REFUTED if isinstance(result, Passed) else Standing.UNDECIDED


def _finding(ranked: Ranked, facts: Facts | None, result: CheckResult | None, *, remedies: bool = True) -> Finding:
    hit = ranked.hit
    finding = hit.cause.recognised(evidence(hit), hit.signature, hit.params, facts or Facts(), remedies=remedies)
    quoted = {hit.text}
    others: list[Evidence] = []
    for other in ranked.others:
        if other.text not in quoted and len(others) < MOST_LINES - 1:
            quoted.add(other.text)
            others.append(evidence(other))
    changes = {"evidence": (*finding.evidence, *others), "passed_over": ranked.passed_over}
    if isinstance(result, Failed):
        finding = _confirmed(finding, result.findings)
        return msgspec.structs.replace(
            finding,
            evidence=(*changes["evidence"], *finding.evidence[1:]),
            passed_over=ranked.passed_over,
            standing=Standing.CONFIRMED,
        )
    if isinstance(result, Passed):
        # The facts may be of another moment or another machine, so the log is still reported, with less behind it.
        changes |= {"confidence": Confidence.LOW, "standing": Standing.REFUTED, "standing_why": result.note}
    elif isinstance(result, Skipped):
        changes |= {"standing": Standing.UNDECIDED, "standing_why": result.reason}
    elif isinstance(result, Crashed):
        changes |= {"standing": Standing.UNDECIDED, "standing_why": result.trace.rstrip().rpartition("\n")[2]}
    return msgspec.structs.replace(finding, **changes)


def evidence(hit: Hit) -> Evidence:
    """A line of a log as what shows a cause: the part of it around the text that was recognised."""
    text = hit.text.strip()
    if len(text) > LONGEST_QUOTE:
        at = max(0, text.find(hit.signature.literal))
        start = 0 if at + len(hit.signature.literal) <= LONGEST_QUOTE else at - LONGEST_QUOTE // 4
        text = text[start : start + LONGEST_QUOTE].strip()
    return Evidence(line=hit.number, value=text, source="log")


def _confirmed(seen: Finding, predicted: tuple[Finding, ...]) -> Finding:
    """What the facts say in place of what the log says, with both as evidence."""
    values = {str(value) for value in seen.params.values()}
    told = max(predicted, key=lambda each: len(values & {str(value) for value in each.params.values()}))
    if told.confidence is Confidence.LOW:
        # The facts only suggest it, from the newest row of a table; the program's own words are surer.
        return msgspec.structs.replace(
            seen,
            confidence=Confidence.HIGH,
            params={**told.params, **seen.params},
            evidence=(*seen.evidence, *told.evidence),
            remedies=told.remedies or seen.remedies,
        )
    return msgspec.structs.replace(
        told,
        severity=seen.severity,  # it did happen
        confidence=Confidence.HIGH,
        params={**seen.params, **told.params},
        evidence=(*seen.evidence, *told.evidence),
    )


def _unknown(scan: LogScan, entries: TextIndex, *, kind: str = "", deeper: bool = False) -> UnknownFailure | None:
    """The failure that no entry knows; with `deeper`, the one that the wrappers seen are about."""
    if kind == SOURCE_CODE:
        return None
    found = failure_line(scan, deeper=deeper)
    if found is None or ((deeper or kind) and found.weight < LEAST_SURE):
        return None
    guesses = guess(last_lines(around(found, scan)), found.text, entries.catalogue, besides=scan.hits)
    return UnknownFailure(line=found.number, text=found.text, template=found.template, guesses=guesses)


__all__ = ["Diagnosis", "Guess", "UnknownFailure", "diagnose", "diagnose_scan", "gone_through", "unwrapped"]
