"""Version numbers as the world writes them: `450.80.02`, `12.4`, `2.6.0+cu124`, `1.24.0rc1`."""

from __future__ import annotations

import functools
import re

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_PRE = re.compile(r"^[-._]?(dev|a|alpha|b|beta|rc|pre|preview)[-._]?(\d*)", re.IGNORECASE)
_PRE_RANK = {"dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "rc": 3, "pre": 3, "preview": 3}


@functools.total_ordering
class Version:
    """A version number that compares by its numbers and keeps the text it came from.

    Missing trailing numbers count as zero (`12 == 12.0`), a pre-release comes before its release, and what follows a
    `+` (the *local* part of a Python version, such as `cu124`) does not take part in comparisons.
    """

    __slots__ = ("_key", "local", "numbers", "text")

    text: str
    """The version as it was written."""
    numbers: tuple[int, ...]
    """Its leading numbers, `(2, 6, 0)`."""
    local: str
    """What follows `+`, or the empty string."""

    def __init__(self, text: str) -> None:
        """Read a version.

        Raises:
            ValueError: the text holds no number.
        """
        self.text = text.strip()
        public, _, self.local = self.text.partition("+")
        match = _NUMBERS.search(public)
        if match is None or len(public) > 200:
            raise ValueError(f"not a version: {text[:80]!r}")
        self.numbers = tuple(int(part) for part in match.group().split("."))
        pre = _PRE.match(public[match.end() :])
        rank = (_PRE_RANK[pre.group(1).lower()], int(pre.group(2) or 0)) if pre else (9, 0)
        significant = list(self.numbers)
        while significant and significant[-1] == 0:
            significant.pop()
        self._key = (tuple(significant), rank)

    @property
    def major(self) -> int:
        """The first number."""
        return self.numbers[0]

    @property
    def minor(self) -> int:
        """The second number, zero if there is none."""
        return self.numbers[1] if len(self.numbers) > 1 else 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Version({self.text!r})"
