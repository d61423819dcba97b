"""Finding many literals in bytes in one pass, at a speed that hardly depends on how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

SMALL = 64 * 1024
"""Bytes up to which each literal is looked for by itself; building an automaton would take longer."""
FRAGMENT = 16
"""Bytes of a literal that the automaton knows. Of whole literals it grows so large that doubling them costs a tenth
of the speed, of 8 bytes it stops at places that mean nothing; `benchmarks/diagnose.py` prints what it is now."""

# Bytes of logs from the most to the least common; a fragment of rare ones stops the automaton at few places.
_COMMON = b" etaoinrsldcu0123456789mpfhg.:-/_yvbwk[](),'\"=TIEAN"
_RARITY = bytes(_COMMON.index(byte) if byte in _COMMON else len(_COMMON) + 8 for byte in range(256))

Found = list[tuple[int, int]]
"""Where a literal begins, and its number."""


class LiteralSearch:
    """Looks for all literals of a list."""

    def __init__(self, literals: Sequence[bytes]) -> None:
        """Take the literals.

        Raises:
            ValueError: one of them is empty.
        """
        if not all(literals):
            raise ValueError("an empty literal stands everywhere")
        self._literals = tuple(literals)
        self._automaton: Callable[[bytes], Iterable[tuple[int, int, int]]] | None = None
        self._behind: list[list[tuple[int, int]]] = []

    def find(self, data: bytes) -> Found:
        """Every place where one of the literals stands, in the order of the places."""
        if len(data) <= SMALL and self._automaton is None:
            return self._each(data)
        if self._automaton is None:
            self._automaton = self._build()
        found: Found = []
        add, behind, literals = found.append, self._behind, self._literals
        for fragment, start, _ in self._automaton(data):
            for number, offset in behind[fragment]:
                at = start - offset
                if at >= 0 and data.startswith(literals[number], at):
                    add((at, number))
        found.sort()
        return found

    def _each(self, data: bytes) -> Found:
        found: Found = []
        for number, literal in enumerate(self._literals):
            at = data.find(literal)
            while at >= 0:
                found.append((at, number))
                at = data.find(literal, at + 1)
        found.sort()
        return found

    def _build(self) -> Callable[[bytes], Iterable[tuple[int, int, int]]]:
        try:
            from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind
        except ModuleNotFoundError:  # no wheel for this platform: slower by far, and as right
            self._behind = [[(number, 0)] for number in range(len(self._literals))]
            return lambda data: ((number, at, 0) for at, number in self._each(data))
        fragments: dict[bytes, list[tuple[int, int]]] = {}
        for number, literal in enumerate(self._literals):
            offset = rarest(literal)
            fragments.setdefault(literal[offset : offset + FRAGMENT], []).append((number, offset))
        self._behind = list(fragments.values())
        automaton = BytesAhoCorasick(list(fragments), matchkind=MatchKind.Standard, implementation=Implementation.DFA)

        def search(data: bytes) -> Iterable[tuple[int, int, int]]:
            found: list[tuple[int, int, int]] = automaton.find_matches_as_indexes(data, overlapping=True)
            return found

        return search


def rarest(literal: bytes) -> int:
    """Where the part of a literal begins that is least likely to stand elsewhere."""
    costs = [_RARITY[byte] for byte in literal]
    places = range(max(1, len(literal) - FRAGMENT + 1))
    return max(places, key=lambda at: sum(costs[at : at + FRAGMENT]))
