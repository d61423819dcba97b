"""What a line says apart from its numbers, paths and names: the same fault gives the same template.

drain3 was evaluated and not taken: its last release is of 2022 and pins two libraries to releases of 2021. What is
needed here is the template of one line, not the clustering of a stream.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from airworthy.recognition.lines import read_line

LONGEST = 1000
"""Characters of a line that are masked."""
LONGEST_LITERAL = 100
"""Characters of a literal that is made from a line."""

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s'\"<>)\]]{1,400}"), "<url>"),
    (re.compile(r"(?<![\w/])(?:[A-Za-z]:\\|\\\\)[^\s'\"<>|:]{1,400}"), "<path>"),
    (re.compile(r"(?<![\w/])(?:~|\.{1,2})?/[\w.@+=~-]{1,200}(?:/[\w.@+=~-]{0,200}){0,40}"), "<path>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-fA-F]{1,40}\b"), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]{0,80}\d)(?=\d{0,80}[a-f])[0-9a-f]{8,80}\b"), "<hex>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"), "<address>"),
    (re.compile(r"(?<![\w.])[-+]?\d{1,40}(?:[.,:]\d{1,40}){0,8}(?:e[-+]?\d{1,4})?(?=[a-zA-Z]{0,3}\b)"), "<number>"),
    (re.compile(r"'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"|`[^`\n]{1,200}`"), "<text>"),
)
_WORD = re.compile(r"[A-Za-z][A-Za-z]{2,40}")
_STOP = frozenset(
    (
        *(
            "the",
            "and",
            "for",
            "with",
            "that",
            "this",
            "from",
            "has",
            "have",
            "not",
            "was",
            "are",
            "you",
            "your",
            "can",
        ),
        *("could", "but", "its", "any", "all", "file", "line", "error", "errors", "text", "path", "number", "failed"),
        *("failure", "call", "last", "most", "recent", "traceback", "exception"),
    )
)


def template_of(text: str) -> str:
    """A line with what varies replaced by placeholders."""
    text = text[:LONGEST].strip()
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return text


_PLACEHOLDER = re.compile(r"<(url|path|id|hex|address|number|text)>")
_GROUPS = {
    "url": r"\S{1,300}",
    "path": r"\S{1,300}",
    "id": r"[\w-]{1,80}",
    "hex": r"\w{1,80}",
    "address": r"[\d.:]{1,30}",
    "number": r"[\d.,:eE+-]{1,40}",
    "text": r".{1,200}?",
}


def signature_of(text: str) -> tuple[str, str]:
    """A literal and a pattern by which a line like this one is recognised again.

    The literal is the longest piece of its template that does not vary. The pattern holds the pieces on both sides of
    it, with what varies between them; it is empty where nothing does.
    """
    template = template_of(text)
    pieces = _PLACEHOLDER.split(template)
    constants, kinds = pieces[0::2], pieces[1::2]
    at = max(range(len(constants)), key=lambda number: len(constants[number].strip()))
    literal = constants[at].strip()[:LONGEST_LITERAL]
    if not kinds:
        return literal, ""
    first, last = max(0, at - 1), min(len(constants) - 1, at + 1)
    pattern = ""
    seen: Counter[str] = Counter()
    for number in range(first, last + 1):
        pattern += re.escape(constants[number]).replace(r"\ ", " ")
        if number < last:
            kind = kinds[number]
            seen[kind] += 1
            name = kind if seen[kind] == 1 else f"{kind}{seen[kind]}"
            pattern += f"(?P<{name}>{_GROUPS[kind]})"
    return literal, pattern.strip()


def words_of(text: str) -> Counter[str]:
    """The words of a text that carry meaning, in lower case and without endings that vary."""
    return Counter(word for each in _WORD.findall(text) if (word := each.lower()) not in _STOP)


def likeness(line: str, texts: Iterable[str]) -> float:
    """How much of a line's words one of the texts shares, from 0 to 1; long words count more."""
    mine = words_of(read_line(line).text)
    total = sum(len(word) for word in mine)
    if not total:
        return 0.0
    best = 0.0
    for text in texts:
        theirs = words_of(text)
        shared = sum(len(word) for word in mine if word in theirs)
        whole = total + sum(len(word) for word in theirs) - shared
        best = max(best, shared / whole if whole else 0.0)
    return best
