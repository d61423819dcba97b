"""Symbolic sizes: ordered products of whole numbers and names.

The order matters. An axis of `(batch, 4)` holds four slices for each row, one row after the other; an axis of
`(4, batch)` holds four times all rows. A product of nothing is 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Union

Atom = Union[int, str]
Size = tuple[Atom, ...]
"""A size; `()` is 1."""
ONE: Size = ()
_COUNTED = "!"
_FREE = "?"


class SizeNames:
    """Names for sizes that are not known."""

    def __init__(self) -> None:
        self._count = 0

    def unknown(self, *, counted: bool = False) -> Size:
        """A new size of which nothing is known.

        Args:
            counted: whether it may depend on the size that is followed.
        """
        self._count += 1
        return (f"{_COUNTED if counted else _FREE}{self._count}",)


def of(number: int) -> Size:
    """A whole number as a size."""
    return () if number == 1 else (number,)


def number(size: Size) -> int | None:
    """A size as a whole number, where it is one."""
    if not size:
        return 1
    return size[0] if len(size) == 1 and isinstance(size[0], int) else None


def counts(size: Size, symbol: str) -> bool:
    """Whether a size depends on a symbol, or may do so."""
    return any(isinstance(atom, str) and (atom == symbol or atom[0] == _COUNTED) for atom in size)


def is_unknown(size: Size) -> bool:
    """Whether a size depends on the followed symbol in a way that is not known."""
    return any(isinstance(atom, str) and atom[0] == _COUNTED for atom in size)


def times(sizes: Iterable[Size]) -> Size:
    """A product, in order."""
    atoms: list[Atom] = []
    for size in sizes:
        for atom in size:
            if isinstance(atom, int) and atoms and isinstance(atoms[-1], int):
                atoms[-1] = atoms[-1] * atom
            else:
                atoms.append(atom)
    return tuple(atom for atom in atoms if atom != 1)


def _parts(size: Size) -> tuple[int, Counter[str]]:
    whole = math.prod(atom for atom in size if isinstance(atom, int))
    return whole, Counter(atom for atom in size if isinstance(atom, str))


def equal(first: Size, second: Size) -> bool:
    """Whether two products are the same number, in whatever order."""
    return _parts(first) == _parts(second)


def divide(dividend: Size, divisor: Size) -> Size | None:
    """A quotient without remainder, or None; the order of its factors is not given."""
    whole, names = _parts(dividend)
    by, other = _parts(divisor)
    if by == 0 or whole % by or other - names:
        return None
    rest = names - other
    return times([of(whole // by), *((name,) for name in sorted(rest.elements()))])


def regroup(sizes: Iterable[Size], wanted: Iterable[Size]) -> list[Size] | None:
    """Factors of some axes laid out over others, row-major, as a reshape does.

    Returns:
        The new axes with their factors in order; None where a new axis would cut through a name.
    """
    left: list[Atom] = [atom for size in sizes for atom in size]
    made: list[Size] = []
    for size in wanted:
        whole, names = _parts(size)
        taken: list[Atom] = []
        while whole != 1 or names:
            if not left:
                return None
            atom = left.pop(0)
            if isinstance(atom, str):
                if not names[atom]:
                    return None
                names = names - Counter([atom])
            elif atom == 0 or whole == 0:
                return None
            elif whole % atom == 0:
                whole //= atom
            elif atom % whole == 0 and not names:
                left.insert(0, atom // whole)
                atom, whole = whole, 1
            else:
                return None
            taken.append(atom)
        made.append(times([tuple(taken)]))
    return made if all(atom == 1 for atom in left) else None
