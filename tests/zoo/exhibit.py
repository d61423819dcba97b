"""What an exhibit of the zoo is: a failure that is made for real, whose true output has to be diagnosed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from zoo.workshop import Workshop

Make = Callable[[Workshop], str]
"""Makes the failure and gives what the program printed, both streams together."""


class Exhibit(NamedTuple):
    """One failure."""

    name: str
    """The function that makes it."""
    make: Make
    """Makes it."""
    causes: tuple[str, ...]
    """The slug that the diagnosis has to begin with; further ones where the output alone allows no choice."""
    needs: tuple[str, ...]
    """What the machine must have: `gcc`, `module:numpy`, `mount` … (`needs.py` says why not)."""
    slow: bool
    """Whether it takes more than a second or two."""
    torch: bool
    """Whether it needs PyTorch or Transformers."""


class Room:
    """The exhibits of one file."""

    def __init__(self, *needs: str, torch: bool = False) -> None:
        self.exhibits: list[Exhibit] = []
        self._needs, self._torch = needs, torch

    def exhibit(self, *causes: str, needs: tuple[str, ...] = (), slow: bool = False) -> Callable[[Make], Make]:
        """Register a function; its docstring says how the failure is made."""

        def register(make: Make) -> Make:
            name = make.__name__.replace("_", "-")
            self.exhibits.append(Exhibit(name, make, causes, (*self._needs, *needs), slow, self._torch))
            return make

        return register
