"""What stands around a line that was recognised: is it the root of its traceback, an aside, a quotation of code?"""

from __future__ import annotations

import re
from typing import NamedTuple

from airworthy.recognition.lines import LogLine, read_line

BEFORE = 24 * 1024
"""Bytes before a line that are read; a chain of tracebacks is hardly longer."""
AFTER = 2048
"""Bytes after a line that are read."""
MOST_LINES = 400
"""Lines before a line that are read."""
LONGEST_MESSAGE = 12
"""Lines that an exception's own message may take."""

START = b"Traceback (most recent call last)"
_START = START.decode()
_JOINTS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_CODE_BEFORE = re.compile(r'^\s*File ".{1,400}", line \d+|^\s*File .{1,400}:\d+, in ')
_NOTEBOOK = re.compile(r"^\s*(?:-+> )?\d{1,6}(?: |$)(?!\S+ ?%)")
_CODE = re.compile(
    r"^\s+(?:raise |return |assert |warnings\.warn\(|logger\.\w+\(|logging\.\w+\(|throw |def |if |elif |except |with |"
    r"for |import |from \S+ import |[frbu]{0,2}[\"'])"
)
_RETRY = re.compile(r"(?i)\bretry(?:ing)?\b|\battempt \d+ ?(?:/|of) ?\d+|\bwill try again\b|\breconnect")
_CAUSED_BY = re.compile(r"^\s*Caused by:")


class Surroundings(NamedTuple):
    """What a line's neighbours say of it."""

    depth: int = 0
    """How many exceptions its own was raised behind, while those were handled."""
    aside: bool = False
    """Whether it was printed by the way, as `Exception ignored in:` is."""
    code: bool = False
    """Whether it is a line of the program's source that a traceback quotes."""
    retried: bool = False
    """Whether the program says that it tries again."""
    caused_by: bool = False
    """Whether it stands under `Caused by:`, as the roots of some languages' chains do."""


def look_around(before: str, line: LogLine, raw: str, after: str) -> Surroundings:
    """Judge a line by its neighbours.

    Args:
        before: whole lines before it.
        line: the line, taken apart.
        raw: the line as it is.
        after: lines after it.
    """
    following = after[:AFTER].split("\n", 3)[:3]
    retried = _RETRY.search(raw) is not None or any(_RETRY.search(each[:300]) for each in following[1:2])
    lines = before.split("\n")[-MOST_LINES - 1 : -1]
    previous = _nearest(lines, line.stream)
    indented = line.text[:1] in (" ", "\t")
    code = (
        (indented and previous is not None and _CODE_BEFORE.match(previous) is not None)
        or (_NOTEBOOK.match(line.text) is not None and ".py" in before[-4000:])
        or (indented and _CODE.match(line.text) is not None)
    )
    depth, aside = _chain(lines, line) if _START in before else (0, "Exception ignored in" in (previous or ""))
    return Surroundings(depth, aside, code, retried, _CAUSED_BY.match(line.text) is not None)


def _nearest(lines: list[str], stream: str) -> str | None:
    for raw in reversed(lines[-40:]):
        other = read_line(raw)
        if other.stream == stream:
            return other.text
    return None


def _chain(lines: list[str], line: LogLine) -> tuple[int, bool]:
    """How deep in a chain of tracebacks the line stands, and whether the traceback was printed by the way."""
    depth, since_end = 0, -1
    inside = joined = aside = ignored = False
    for raw in lines:
        if not raw.strip():
            continue
        text = raw
        if inside or _START in raw or "above exception" in raw or "Exception ignored" in raw:
            other = read_line(raw)
            if line.stream and other.stream != line.stream:
                continue
            text = other.text
        elif since_end >= 0:
            since_end += 1
            continue
        else:
            continue
        stripped = text.strip()
        if stripped.endswith(_JOINTS):
            joined, inside, since_end = True, False, -1
        elif _START in stripped:
            depth = depth + 1 if joined else 0
            aside = ignored
            inside, joined, ignored, since_end = True, False, False, -1
        elif stripped.startswith("Exception ignored in"):
            ignored = True
        elif inside and text[:1] not in (" ", "\t", "|", "^", "~"):
            # The exception's own line ends the traceback; its message may go on.
            inside, since_end = False, 0
        elif since_end >= 0:
            since_end += 1
    within = inside or 0 <= since_end < LONGEST_MESSAGE
    return (depth, aside) if within else (0, ignored)
