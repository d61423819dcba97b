"""The line of a log that says most about a failure that no entry recognises: the deepest one, not its wrapper.

Lines that sound like a failure are weighed by how surely they report one: an exception's own line, an error that a
server logged, a sentence that something cannot be done. Of equal ones the earliest wins, because what follows mostly
follows from it. Where no line sounds like one, the last lines are taken at their word: programs end with what ended
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from airworthy.recognition.lines import LogLevel, LogLine, read_line
from airworthy.recognition.scan import Alarm, LogScan
from airworthy.recognition.surroundings import START
from airworthy.recognition.templates import LONGEST, template_of

LAST = 3
"""Lines at the end of a log that may be a failure's although they only hint at it."""
SHORT = 8
"""Lines of a log up to which each of them may: someone cut it out because it shows the failure."""
MOST_LINES = 400
"""Lines at the end of a log that are weighed."""
AFTER = 9
"""Lines from the failure's own on that a guess is made from."""

_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_]\w{0,60}(?:\.|::)){0,8}\w{0,60}(?:Error|Exception|Failure|Fault|Exit|Interrupt|Timeout)\b(?::|$|\()"
)
_NAMED = re.compile(
    r"^(?:[A-Za-z_]\w{0,60}\.){1,8}(?:[A-Z][a-z]+){1,6}: |"
    r"^(?:Invalid|Unsupported|Unknown|Missing|No|Not|Bad|Illegal)(?:[A-Z][a-z]{2,20}){1,4}\b(?::| \{|\()|"
    r"^\[(?:ONNXRuntimeError|E)\] ?:? ?\d|^(?:InvalidArgument|Fail|NoSuchFile|NotImplemented|EPFail): "
)
_ENDS = re.compile(
    r"^Error response from daemon|^\s*what\(\):|^thread '.{1,80}' panicked|^panic:|"
    r"aborting with error|\bcore dumped\b|^\[?E\]? ?\[?\d{0,4}\]?:? (?:Internal|Error)|^Segmentation fault|"
    r"^Illegal instruction|^Bus error|^Aborted\b|^Killed\b|^Fatal Python error|^fatal error:|"
    r"[Aa]ssertion .{0,200} failed"
)
_CLUSTER = re.compile(r"^\s{0,12}(?:Reason|Message):\s{1,20}(?!Completed|Started|ContainerCreating)\S")
_EVENT = re.compile(r"^\s{0,8}Warning\s{1,12}[A-Z]\w{3,40}\s")
_STATED = re.compile(r"[\"']?(?:error|errors|detail|err)[\"']?\s{0,3}[:=]\s{0,3}[\"'\[{]|^\w{0,20} ?[Ee]rror:\s")
_STRONG = re.compile(
    r"(?i)\b(?:fatal|terminate called|panic(?:ked)?|abort(?:ed|ing)?|core dumped|can ?not|can't|could not|"
    r"couldn't|failed|failure|unable to|killed|refus(?:ed|es)|denied)\b"
)
_WEAK = re.compile(
    r"(?i)\b(?:invalid|unsupported|not supported|unknown|missing|not found|no such|not available|unavailable|"
    r"timed? ?out|mismatch|exceed(?:s|ed)?|insufficient|overloaded|must (?:be|match|not)|expected|illegal|"
    r"corrupt(?:ed)?|terminated|unrecogni[sz]ed|requires?|incompatible|not (?:initiali[sz]ed|implemented|allowed|"
    r"exist|match)|"
    r"does not|doesn't|nothing provides|errors?|fails?|magic)\b"
)
_COUNTS = re.compile(
    r"(?i)\b(?:failed|errors?|failures?|aborted|killed)(?:[ _]\w{1,12})?\s{0,2}[=:]?\s{0,2}\d+\b|"
    r"\b\d+ (?:failed|errors?|failures?|warnings?)\b|\bno (?:errors?|failures?)\b|\bwithout errors?\b"
)
_HARMLESS = re.compile(
    r'(?i): warning: |\bwarning \[|^warn(?:ing)?\b|"level"\s?:\s?"(?:info|debug)|"error"\s?:\s?(?:null|""|false)|'
    r"policy-rc\.d denied"
)
_FRAME = re.compile(r'^\s*File ".{1,400}", line \d+|^\s*at .{1,200}\(.{0,200}\)|^\s+\^+|^\s*frame #\d')
_CALL = re.compile(r"^\s+(?:self\.|\w+\(|return |raise |\w+ = )")


class FailureLine(NamedTuple):
    """The line of an unknown failure, and its template."""

    number: int
    """The line's number, from 1."""
    text: str
    """The line, without its prefixes."""
    template: str
    """What it says, with numbers, paths and names as placeholders."""
    weight: int
    """How surely it reports a failure: 1 hints at one, 4 is an exception's own line."""


class _WeighedLine(NamedTuple):
    number: int
    line: LogLine
    depth: int


def failure_line(scan: LogScan, *, deeper: bool = False) -> FailureLine | None:
    """The line that says most about a failure that no entry knows, or None where nothing is wrong.

    Args:
        scan: what was seen in the log.
        deeper: whether the lines in which a cause was recognised are passed over, as the words of wrappers.
    """
    tail, lines = scan.tail, scan.lines
    passed = {hit.number for hits in scan.hits.values() for hit in hits} if deeper else frozenset()
    best: tuple[tuple[int, bool, int], _WeighedLine, int] | None = None
    for each in _candidates(scan.alarms, tail, lines):
        if each.number in passed:
            continue
        weight = weigh(each.line) or _hint(each, lines)
        # What lies before a server came up was recovered from.
        score = weight - 2 * (each.number < scan.ready) - min(each.depth, 2)
        if weight <= 0 or score <= 0:
            continue
        # Of frames without their exception the last one is where it stopped; of anything else the first came first.
        place = _place(each.line.text)
        key = (score, not place, each.number if place else -each.number)
        if best is None or key > best[0]:
            best = key, each, weight
    if best is None:
        return None
    text = best[1].line.text.strip()[:LONGEST]
    return FailureLine(best[1].number, text, template_of(text), best[2])


def _place(text: str) -> bool:
    """Whether a line says where something happened, and not what."""
    return _FRAME.match(text) is not None or _CALL.match(text) is not None


def _candidates(alarms: Sequence[Alarm], tail: Sequence[str], lines: int) -> Iterator[_WeighedLine]:
    seen = set()
    for alarm in alarms:
        seen.add(alarm.number)
        yield _WeighedLine(alarm.number, alarm.line, alarm.depth)
    first = lines - len(tail) + 1
    chained = 0
    for number, raw in enumerate(tail[-MOST_LINES:], first + max(0, len(tail) - MOST_LINES)):
        if "above exception" in raw:
            chained += 1
        elif START.decode() in raw and not chained:
            chained = 0
        if number not in seen and raw.strip():
            yield _WeighedLine(number, read_line(raw), chained)


def _hint(each: _WeighedLine, lines: int) -> int:
    """1 for a line that only hints at a failure, and stands where failures are reported; else 0."""
    if each.line.level <= LogLevel.WARNING or _HARMLESS.search(each.line.text[:LONGEST]):
        return 0
    if each.number <= lines - LAST and lines > SHORT:
        return 0
    text = _COUNTS.sub(" ", each.line.text[:LONGEST])
    return int(any(pattern.search(text) for pattern in (_WEAK, _STRONG, _CALL, _FRAME)))


def weigh(line: LogLine) -> int:
    """How surely a line reports a failure, from 0 to 4."""
    level, text = line.level, line.text[:LONGEST].strip()
    if _EVENT.match(line.text):
        return 3
    if level <= LogLevel.WARNING or _FRAME.match(line.text) or _HARMLESS.search(text):
        return 0
    if level is LogLevel.ERROR and line.text[:2].isspace():
        return 0  # a line of a traceback that a logger printed: the exception's own line is not indented
    if _EXCEPTION.match(text) or _NAMED.match(text) or _ENDS.search(text):
        return 4
    if _CLUSTER.match(line.text):
        return 2
    text = _COUNTS.sub(" ", text)
    strong = _STRONG.search(text) is not None
    if level is LogLevel.ERROR:
        return 3 if strong else 2
    if _STATED.search(text):
        return 3 if strong or _WEAK.search(text) else 2
    return 2 if strong and re.match(r"(?i)(?:error|fatal|panic|terminate)", text) else int(strong and "rror" in text)


def around(line: FailureLine, scan: LogScan) -> list[str]:
    """The lines that a guess is made from: those that end with the failure and a few after it, and its own."""
    tail = scan.tail
    first = scan.lines - len(tail) + 1
    if line.number < first:
        return [*(alarm.text for alarm in scan.alarms if alarm.number <= line.number), line.text]
    end = min(len(tail), line.number - first + AFTER)
    return [*tail[max(0, end - MOST_LINES) : end], line.text]
