"""Whether a text is a program's output at all: source code and guides quote errors that did not happen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airworthy.recognition.lines import LogLevel, read_line

OUTPUT = "output"
SOURCE_CODE = "source code"
PROSE = "prose"
LEAST_LINES = 12
"""Lines below which a text is not judged: an excerpt of an output may be anything."""
MOST_LINES = 300
"""Lines that are judged, from the beginning of the text."""
LONGEST = 400
"""Characters of a line that are judged."""
LEAST_SHARE = 0.3
"""Share of the lines that must read as code, or as prose."""
MOST_OUTPUT = 0.15
"""Share of lines that read as output above which the text is one, whatever the others are."""
LEAST_HEADINGS = 2
"""Headings of a page in Markdown."""
LEAST_WRITTEN = 0.3
"""Share of a page's lines outside of its code blocks that must be sentences, lists and tables."""
MOST_QUOTED = 0.4
"""Share of lines that a page may quote from outputs; one that quotes more is a report of what did happen."""

_HEADING = re.compile(r"^#{1,4} [A-Z0-9]")
_OUTPUT = re.compile(
    r'^\s*File ".{1,300}", line \d+|Traceback \(most recent call last\)|^\s{0,4}-{0,4}> {0,4}\d{1,6} |'
    r"^\s{3,8}\d{1,6} {1,40}\S|^\+[-=+]{10,}|^\s*at [\w.$<>/]{1,200}\(|^\s*\^{2,}|"
    r"^[\w.]{1,120}(?:Error|Exception)(?::|$)|^\d{1,4}[-/:]\d|^\[[^\]]{1,60}\] |^\w{1,40}=\S{1,80} \w{1,40}=|"
    r"^[\d.]{1,12}%|^(?:Collecting|Downloading|Installing) |^\s{0,4}#\d{1,4} "
)
_CODE = re.compile(
    r"^\s*(?:def|class|import|from|return|raise|elif|else:|try:|except|finally:|with|assert|async|await|yield|pass$|"
    r"public|private|protected|static|const|let|var|func|fn|pub|use|impl|struct|enum|namespace|template|typedef|"
    r"using|switch|case|throw|catch|package|#include|#define|#if|#endif|#pragma|//|/\*|\*/|@\w)\b|"
    r"^\s*(?://|/\*|\*/|\* |@\w|#include|\"\"\"|'''|\}|\)[;,:]?$|\],?$)|"
    r"[;{]\s*$|\(\s*$|^\s*(?:if|for|while)\b.{0,300}[:{]\s*$|"
    r"^\s*[\w.\[\]]{1,80}(?:: [\w\[\], |.]{1,80})? = .|^\s{4,}[\w.]{1,100}\(.{0,300}\),?$|"
    r"^\s{4,}[rfbu]{0,2}[\"'].{0,300}[\"'],?\)?$"
)
_MARKDOWN = re.compile(
    r"^#{1,6} \S|^\s{0,6}(?:[-*]|\d{1,3}\.) (?:[A-Z`\[*(]|\w+ \w+ \w)|^\s{0,3}>|^\s{0,3}\|.{1,300}\|\s*$|"
    r"^\s{0,3}(?:```|~~~)|\]\((?:https?:|[\w./#-]+\))|^\.\. \w+::|\*\*\w|^[=~-]{4,}$|``?[^`]{2,80}`"
)
_SENTENCE = re.compile(r"^[A-Z\"'(][^{}=|]{30,}(?:[a-z]{2,} ){4,}|(?:\b[a-z]{2,}[,]? ){6,}")


def read_as(lines: Sequence[str]) -> str:
    """What a text reads as: `source code`, `prose`, or empty for a program's output and for what can't be judged.

    Args:
        lines: the text's first lines.
    """
    judged = [text[:LONGEST] for text in lines[:MOST_LINES] if text.strip()]
    if len(judged) < LEAST_LINES:
        return ""
    counts = {"": 0, OUTPUT: 0, SOURCE_CODE: 0, PROSE: 0}
    headings = outside = written = 0
    fenced = False
    for text in judged:
        kind = _kind(text)
        counts[kind] += 1
        headings += _HEADING.match(text) is not None and not fenced
        fenced ^= text.lstrip().startswith(("```", "~~~"))
        outside += not fenced
        written += not fenced and kind == PROSE
    whole, output, code, prose = len(judged), counts[OUTPUT], counts[SOURCE_CODE], counts[PROSE]
    if headings >= LEAST_HEADINGS and written >= LEAST_WRITTEN * outside and output <= MOST_QUOTED * whole:
        return PROSE
    if output > MOST_OUTPUT * whole:
        return ""
    if code >= prose and code >= LEAST_SHARE * whole and code >= 3 * output:
        return SOURCE_CODE
    return PROSE if prose >= LEAST_SHARE * whole and prose >= 3 * output else ""


def _kind(raw: str) -> str:
    """What one line reads as; empty where it may be anything."""
    if _OUTPUT.search(raw):
        return OUTPUT
    if _MARKDOWN.search(raw):
        return PROSE
    line = read_line(raw)
    if line.level is not LogLevel.PLAIN or line.stream or len(line.text) < len(raw.rstrip("\r")):
        return OUTPUT
    if _CODE.search(raw):
        return SOURCE_CODE
    return PROSE if _SENTENCE.search(raw) else ""
