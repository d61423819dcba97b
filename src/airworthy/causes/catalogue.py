"""The catalogue as a value: the causes that questions are asked of, passed to the code that asks them.

A catalogue never changes. A project's own entries make another one beside it, so that one process can answer for
several projects, and what one of them writes for itself shows up in no answer for another.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airworthy.causes import registry
from airworthy.causes.index import stored, stored_needs
from airworthy.causes.interface import Cause
from airworthy.core.errors import UnknownName
from airworthy.core.keys import Key
from airworthy.core.registry import Registry, unknown_name

if TYPE_CHECKING:
    from airworthy.causes.local import LocalEntry


class Catalogue:
    """A set of causes: those that come with airworthy and with other packages, and a project's own."""

    def __init__(self, causes: Registry[Cause], own: Iterable[LocalEntry] = ()) -> None:
        """Make a catalogue.

        Args:
            causes: causes by slug, imported on use.
            own: entries beside them, in their order.

        Raises:
            ValueError: an entry has the slug of another one.
        """
        self._registry = causes
        self._own: dict[str, LocalEntry] = {}
        for entry in own:
            slug = entry.cause.slug
            if slug in self._own or slug in causes.names():
                raise ValueError(slug)
            self._own[slug] = entry

    @classmethod
    def of(cls, causes: Iterable[Cause]) -> Catalogue:
        """A catalogue of these causes and no others."""
        from airworthy.causes.local import LocalEntry

        return cls(Registry("cause", {}), map(LocalEntry, causes))

    def joined_by(self, own: Iterable[LocalEntry]) -> Catalogue:
        """Another catalogue, with these entries beside those of this one.

        Raises:
            ValueError: an entry has the slug of another one.
        """
        return Catalogue(self._registry, (*self._own.values(), *own))

    @functools.cached_property
    def slugs(self) -> tuple[str, ...]:
        """The slugs of all causes, a project's own last."""
        return (*self._registry.names(), *self._own)

    @functools.cached_property
    def literals(self) -> Mapping[str, tuple[str, ...]]:
        """The literals of every cause by its slug, in the order of its signatures, each once."""
        known = self._indexed(stored())
        return {slug: known[slug] if slug in known else self.get(slug).literals for slug in self.slugs}

    @functools.cached_property
    def needs(self) -> Mapping[str, tuple[Key[Any], ...]]:
        """The facts that a cause is predicted from, for those that are known without importing the cause."""
        return self._indexed(stored_needs())

    @functools.cached_property
    def unpredictable(self) -> frozenset[str]:
        """Causes that are known to be never predicted, without importing them."""
        return frozenset(self._indexed(stored()).keys() - stored_needs().keys())

    @property
    def brings_about(self) -> Mapping[str, tuple[str, ...]]:
        """What a project's own entries bring about, by slug."""
        return {slug: entry.brings_about for slug, entry in self._own.items()}

    def get(self, slug: str) -> Cause:
        """The cause of a slug, imported now if it was not yet.

        Raises:
            UnknownName: there is none; the way out names the nearest.
        """
        if slug in self._own:
            cause: Cause = self._own[slug].cause
            return cause
        try:
            return self._registry.get(slug)
        except UnknownName:
            raise unknown_name(self._registry.kind, slug, self.slugs) from None

    def __contains__(self, slug: object) -> bool:
        return slug in self.slugs

    def __iter__(self) -> Iterator[Cause]:
        yield from self._registry
        yield from (entry.cause for entry in self._own.values())

    def _indexed(self, rows: Mapping[str, Any]) -> dict[str, Any]:
        """Rows of an index for those causes that it was made from: another package may give a slug another meaning."""
        shipped = self._registry.own_names()
        return {slug: rows[slug] for slug in shipped if slug in rows}


def standard() -> Catalogue:
    """The catalogue of this installation: the causes that come with airworthy and with other packages."""
    return _standard(registry.CAUSES)


@functools.lru_cache(maxsize=2)
def _standard(causes: Registry[Cause]) -> Catalogue:
    return Catalogue(causes)
