"""Finding many literals in bytes in one pass, at a speed that hardly depends on how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

SMALL = 64 * 1024
"""Bytes up to which each literal is looked for by itself; building an automaton would take longer."""
FRAGMENT = 16
"""Bytes of a literal that the automaton knows. With whole literals it outgrows the processor's caches, and each further
one costs speed; with 8 bytes it stops at places that mean nothing."""


def _fold() -> bytes:
    """Bytes as the automaton sees them: case, rare signs and foreign letters make no difference, which leaves 62 kinds.

    Its table has a power of two of columns, so 62 kinds make it half the size of the 100 that literals hold. What it
    finds is compared with the data as it is, so folding loses and adds nothing. Digits stay: `200` is in every line of
    a server's log, `401` in few.
    """
    table = bytearray(range(256))
    for byte in range(256):
        sign = chr(byte)
        if byte >= 128:
            table[byte] = 128 + byte % 7
        elif sign.isalpha():
            table[byte] = ord(sign.lower())
        elif sign in " \t":
            table[byte] = ord(" ")
        elif sign in "\r\n":
            table[byte] = ord("\n")
        elif not sign.isdigit() and sign not in "_-./:'\"()[]=,<>`":
            table[byte] = ord("!")
    return bytes(table)


_FOLD = _fold()
# Folded bytes of logs from the most to the least common; a fragment of rare ones stops the automaton at few places.
_COMMON = b" 0123456789-_.:/=etaoinrsldcumphgfyb,wkvxj()[]qz<>'\"!"
_RARITY = bytes(_COMMON.index(byte) if byte in _COMMON else len(_COMMON) // 2 for byte in range(256))

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
        self._alone = False

    def find(self, data: bytes) -> Found:
        """Every place where one of the literals stands, in the order of the places."""
        if self._automaton is None and len(data) > SMALL and not self._alone:
            self._automaton = self._build()
        if self._automaton is None:
            return self._each(data)
        found: Found = []
        add, behind, literals = found.append, self._behind, self._literals
        for fragment, start, _ in self._automaton(data.translate(_FOLD)):
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

    def _build(self) -> Callable[[bytes], Iterable[tuple[int, int, int]]] | None:
        try:
            from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind
        except ModuleNotFoundError:  # no wheel for this platform: slower by far, and as right
            self._alone = True
            return None
        fragments: dict[bytes, list[tuple[int, int]]] = {}
        for number, literal in enumerate(self._literals):
            offset = rarest(literal)
            fragments.setdefault(literal.translate(_FOLD)[offset : offset + FRAGMENT], []).append((number, offset))
        self._behind = list(fragments.values())
        automaton = BytesAhoCorasick(list(fragments), matchkind=MatchKind.Standard, implementation=Implementation.DFA)

        def search(data: bytes) -> Iterable[tuple[int, int, int]]:
            found: list[tuple[int, int, int]] = automaton.find_matches_as_indexes(data, overlapping=True)
            return found

        return search


def rarest(literal: bytes) -> int:
    """Where the part of a literal begins that is least likely to stand elsewhere."""
    costs = [_RARITY[byte] for byte in literal.translate(_FOLD)]
    places = range(max(1, len(literal) - FRAGMENT + 1))
    return max(places, key=lambda at: sum(costs[at : at + FRAGMENT]))
