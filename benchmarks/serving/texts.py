"""Texts of 5 to 200 tokens: docstrings of Python's own library and the system's licences, nothing downloaded.

Lengths are log-normal with a median of 32 tokens. The choice is the same in every run on one machine.
"""

from __future__ import annotations

import ast
import math
import random
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

LEAST, MOST, MEDIAN, SPREAD = 5, 200, 32, 0.8
"""Tokens of a text; the spread is of the logarithm."""
LICENCES = Path("/usr/share/common-licenses")
LOOKED_AT = 20_000
"""Texts that are tokenised to choose from."""


def _paragraphs() -> Iterator[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    for file in sorted([*library.glob("*.py"), *library.glob("[a-z]*/*.py")]):
        if "site-packages" in file.parts or "test" in file.parts or "tests" in file.parts:
            continue
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = ast.get_docstring(node) or ""
                yield from text.split("\n\n")
                yield text[:1100]
    for file in sorted(LICENCES.glob("*")):
        yield from file.read_text(encoding="utf-8", errors="ignore").split("\n\n")


def _is_prose(text: str) -> bool:
    return 15 <= len(text) <= 1200 and sum(c.isalpha() or c == " " for c in text) > 0.85 * len(text)


def collect(tokenizer: Path, count: int) -> list[str]:
    """So many different texts."""
    from tokenizers import Tokenizer

    tokens = Tokenizer.from_file(str(tokenizer))
    tokens.no_truncation()
    tokens.no_padding()
    candidates = sorted(
        text for text in {re.sub(r"\s+", " ", each).strip() for each in _paragraphs()} if _is_prose(text)
    )
    random.Random(1).shuffle(candidates)
    by_length: dict[int, list[str]] = {}
    for text in candidates[:LOOKED_AT]:
        length = len(tokens.encode(text).ids)
        if LEAST <= length <= MOST:
            by_length.setdefault(length, []).append(text)
    generator = random.Random(2)
    chosen: list[str] = []
    while len(chosen) < count:
        wanted = round(math.exp(generator.gauss(math.log(MEDIAN), SPREAD)))
        if not LEAST <= wanted <= MOST:
            continue
        if not by_length:
            raise RuntimeError("Python's library and the licences hold too little text")
        nearest = min(by_length, key=lambda length: abs(length - wanted))
        chosen.append(by_length[nearest].pop(0))
        if not by_length[nearest]:
            del by_length[nearest]
    return chosen
