"""Whether a regular expression always comes to an end in reasonable time.

Python's engine goes back and tries again. A repetition inside a repetition can be taken apart in exponentially many
ways; on a line that almost matches it tries them all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

if sys.version_info >= (3, 11):
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_parse as parser

MANY = 100
"""Repetitions from which on a bound does not help."""


def hazard(pattern: str) -> str:
    """What is dangerous about a pattern; empty where nothing is.

    It is careful: a repetition without a bound that holds another is refused unless each of its turns begins with a
    character of its own kind.
    """
    tokens: Any = parser.parse(pattern)
    return _walk(tokens, inside=False)


def _walk(tokens: Iterable[Any], *, inside: bool) -> str:
    for name, value in tokens:
        kind = str(name)
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            _, most, body = value
            many = most is parser.MAXREPEAT or most >= MANY
            if many and inside:
                return "a repetition without a bound inside another"
            found = _walk(body, inside=inside or (many and not _fixed_start(body)))
            if found:
                return found
        else:
            for part in _parts(value):
                found = _walk(part, inside=inside)
                if found:
                    return found
    return ""


def _fixed_start(body: Any) -> bool:
    """Whether each turn begins with a literal, so that there is one way only to take the text apart."""
    first = next(iter(body), None)
    if first is None:
        return True
    if str(first[0]) == "SUBPATTERN":
        return _fixed_start(first[1][-1])
    if str(first[0]) == "BRANCH":
        return all(_fixed_start(branch) for branch in first[1][1])
    if str(first[0]) != "LITERAL":
        return False
    # The literal must not be what a repetition within would eat as well.
    rest = list(body)[1:]
    return all(str(name) not in ("MAX_REPEAT", "MIN_REPEAT") or not _eats(value[2], first[1]) for name, value in rest)


def _eats(body: Any, character: int) -> bool:
    for name, value in body:
        kind = str(name)
        if kind == "ANY":
            return True
        if kind == "IN":
            negated = any(str(each[0]) == "NEGATE" for each in value)
            within = any(_in(each, character) for each in value)
            if within != negated:
                return True
            continue
        if (kind == "LITERAL" and value == character) or (kind == "NOT_LITERAL" and value != character):
            return True
        if kind in ("MAX_REPEAT", "MIN_REPEAT", "SUBPATTERN") and _eats(value[-1], character):
            return True
    return False


def _in(each: Any, character: int) -> bool:
    kind, value = str(each[0]), each[1]
    if kind == "LITERAL":
        return bool(value == character)
    if kind == "RANGE":
        return bool(value[0] <= character <= value[1])
    if kind == "CATEGORY":
        text = chr(character)
        tests = {
            "CATEGORY_DIGIT": text.isdigit(),
            "CATEGORY_NOT_DIGIT": not text.isdigit(),
            "CATEGORY_SPACE": text.isspace(),
            "CATEGORY_NOT_SPACE": not text.isspace(),
            "CATEGORY_WORD": text.isalnum() or text == "_",
            "CATEGORY_NOT_WORD": not (text.isalnum() or text == "_"),
        }
        return tests.get(str(value), True)
    return False


def _parts(value: Any) -> Iterable[Any]:
    """The patterns inside of an operation's value."""
    if isinstance(value, parser.SubPattern):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _parts(each)
