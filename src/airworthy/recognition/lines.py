"""A line of a log without what loggers put before it: whose it is, how serious it says it is, and its text."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?:]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,400}(?:\x07|\x1b\\)|[()][0-9A-B])")
"""What terminals take for colours, movements and titles."""

LONGEST_PREFIX = 400
"""Characters in which the prefixes of a line are looked for."""
MOST_PREFIXES = 8
"""How many prefixes a line may wear: a container's name, a process, a time, a level, a file."""


class LogLevel(IntEnum):
    """How serious a line says it is."""

    INFO = 0
    """It was logged for information."""
    WARNING = 1
    """It was logged as a warning; the program went on."""
    PLAIN = 2
    """It does not say."""
    ERROR = 3
    """It was logged as an error."""


class LogLine(NamedTuple):
    """A line, taken apart."""

    stream: str
    """The container, process or rank that wrote it; empty where it does not say."""
    level: LogLevel
    """How serious it says it is."""
    text: str
    """What is left of it, with its indent."""


_TIME = r"\d\d:\d\d:\d\d(?:[.,:]\d{1,9})?(?:-\d{3,6}(?=\s))?"
_DATE = r"(?:\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/]\d\d(?:[-/]\d{4})?)"
_PREFIXES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        # whose it is
        r"\| {0,2}(?P<level>[A-Z]{4,8}) {0,4}\|\s?",
        r"\((?P<stream>[A-Za-z][\w. ]{0,40}? ?pid=\d+)(?:, ip=[\w.:-]{1,60})?\) ?",
        r"\[(?P<stream>rank ?\d+)\]:? ?",
        r"\[\d+,(?P<stream>\d+)\]<std(?:out|err)>: ?",
        r"(?P<stream>[A-Za-z][\w./-]{0,60}?) {1,20}\| ",
        r" {0,4}\| (?=\S)",
        r"#\d+ \d+\.\d+ ",
        r"\[(?P<level>[A-Z]{4,8}) ?\] W-(?P<stream>\d{2,6})-\S{1,80} MODEL_LOG - ",
        # when
        rf"[\[(]?{_DATE}[T _-]{{1,2}}{_TIME}(?:Z|[+-]\d\d:?\d\d)?[\])]?(?:,?\s|(?=[\[(]))",
        rf"\[?{_TIME}\]?\s",
        r"\[?\d{1,10}\.\d{3,9}\]\s",
        rf"[A-Z][a-z]{{2}} [ \d]\d {_TIME} \S{{1,80}} (?P<stream>[\w./@-]{{1,60}}(?:\[\d+\])?): ",
        rf"\[[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d {_TIME} \d{{4}}\]\s?",
        r"time=\S{10,40} (?=level=)",
        # how serious
        r"level=(?P<level>[A-Za-z]{4,8})\s",
        r"(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w./-]{1,80}:\d+\] ",
        r"\[(?P<stream>rank\d+)\]:\[(?P<level>[IWEF])\d{3,4} [^\]]{1,80}\] ",
        r"\[(?P<level>[IWEF])(?::|\d{3,4} )[^\]]{1,120}\] ?",
        r"\[?(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|[Ii]nfo|[Ww]arning|[Ee]rror)\s?\](?::|\s|(?=\[))\s?",
        r"(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)(?::|\s-|\s\|)?\s",
        r"(?P<level>[IWEF]) (?=[a-z][\w/]+\.cc:\d+\])",
        r"\[TRT\]:? \[(?P<level>[IWEF])\] ",
        # where it was written
        r"\[?[\w./-]{1,80}\.(?:py|cc|cpp|cu|go|rs|c):\d{1,6}\](?::|\s|$)",
        r"\[[\w.-]{1,60}\] (?=\S)",
        r"\d{2,7} (?=\[)",
    )
)
_LEVELS = {"T": LogLevel.INFO, "D": LogLevel.INFO, "I": LogLevel.INFO, "N": LogLevel.INFO, "W": LogLevel.WARNING}
_WARNING = re.compile(
    r"\b\w{0,40}Warning: |^warnings?: |\bWARN(?:ING)?\b(?! Call| Error| Cuda|.{0,40}(?:failed|error))|\bnpm warn\b"
)


def read_line(raw: str) -> LogLine:
    """Take a line apart."""
    head, rest = raw[:LONGEST_PREFIX], raw[LONGEST_PREFIX:]
    stream, level = "", LogLevel.PLAIN
    for _ in range(MOST_PREFIXES):
        for pattern in _PREFIXES:
            match = pattern.match(head)
            if match is not None:
                break
        else:
            break
        found = match.groupdict()
        stream = found.get("stream") or stream
        if found.get("level"):
            level = _LEVELS.get(found["level"][0].upper(), LogLevel.ERROR)
        head = head[match.end() :]
    if level is LogLevel.PLAIN and _WARNING.search(head):
        level = LogLevel.WARNING
    return LogLine(stream, level, head + rest)
