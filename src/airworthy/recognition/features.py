"""What a text is described by to the table of guesses: its words, the parts of its identifiers, and pairs of them.

The tool that fits the table and the look-up at run time share this file, so that both see one and the same thing.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable

from airworthy.recognition.lines import read_line

LAST_LINES = 12
"""Lines of a log that a guess is made from: those that end with the failure. More adds other programs' words."""
LONGEST = 600
"""Characters of each line that are read."""
LONGEST_NUMBER = 5
"""Digits of a number that may mean something: an exit status, an error code, a version; longer ones are identities."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\d+")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def features(text: str) -> Counter[str]:
    """How often each word, each part of an identifier, and each pair of neighbours stands in a text."""
    found: Counter[str] = Counter()
    for line in text.split("\n"):
        words: list[str] = []
        for word in _WORD.findall(line[:LONGEST]):
            if word.isdigit():
                if len(word) <= LONGEST_NUMBER:
                    words.append(word)
            elif "_" in word or not (word.islower() or word.isupper() or word.istitle()):
                found[word.lower()] += 1
                words += [part.lower() for part in _PART.findall(word)]
            else:
                words.append(word.lower())
        found.update(words)
        found.update(f"{first} {second}" for first, second in itertools.pairwise(words))
    return found


def frequency(count: int) -> float:
    """What a feature's count is worth: the tenth time adds little to the first."""
    return 1.0 + math.log(count)


def last_lines(lines: Iterable[str]) -> str:
    """The last lines that say something, without what loggers put before them."""
    texts = [text for raw in lines if (text := read_line(raw).text.strip())]
    return "\n".join(texts[-LAST_LINES:])
