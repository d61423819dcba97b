"""Short lists of names → `"module:attr"`, imported on use; other packages join by entry point."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar, cast

from airworthy.core.errors import UnknownName
from airworthy.core.messages import say

T = TypeVar("T")


class Registry(Generic[T]):
    """The members of one family by name."""

    def __init__(self, kind: str, targets: Mapping[str, str], group: str = "") -> None:
        """Describe a family.

        Args:
            kind: what a member is called in messages, `engine`.
            targets: name → `"module:attr"`, in the order in which members are tried.
            group: the entry point group by which other packages join, or empty.
        """
        self.kind = kind
        self._targets = dict(targets)
        self._own = tuple(self._targets)
        self._group = group
        self._loaded: dict[str, T] = {}
        self._complete = not group

    def names(self) -> tuple[str, ...]:
        """All names, ours first."""
        self._add_entry_points()
        return tuple(self._targets)

    def own_names(self) -> tuple[str, ...]:
        """The names that the family was described with, without those of other packages."""
        return self._own

    def get(self, name: str) -> T:
        """The member of a name, imported now if it was not yet.

        Raises:
            UnknownName: there is none; the way out names the nearest.
        """
        if name not in self._loaded:
            if name not in self._targets:
                self._add_entry_points()
            if name not in self._targets:
                raise unknown_name(self.kind, name, tuple(self._targets))
            module, _, attribute = self._targets[name].partition(":")
            self._loaded[name] = cast("T", getattr(importlib.import_module(module), attribute))
        return self._loaded[name]

    def __iter__(self) -> Iterator[T]:
        # A caller that stops at one of ours does not wait for the list of installed packages.
        yield from map(self.get, self._own)
        yield from (self.get(name) for name in self.names() if name not in self._own)

    def _add_entry_points(self) -> None:
        if not self._complete:
            from importlib.metadata import entry_points

            for point in entry_points(group=self._group):
                self._targets.setdefault(point.name, point.value)
            self._complete = True


def unknown_name(kind: str, name: str, known: Sequence[str]) -> UnknownName:
    """The error about a name that is not among the known ones; its way out names the nearest."""
    near = difflib.get_close_matches(name, known, n=1)
    template = "did you mean `{near}`?" if near else "known: {names}"
    return UnknownName(kind=kind, name=name, suggestion=say(template, near=near and near[0], names=known))
