"""The catalogue as a diagnosis uses it: literals first, and an entry only when one of its literals was met."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

from airworthy.causes import index
from airworthy.causes.interface import Cause
from airworthy.causes.registry import CAUSES
from airworthy.recognition.literals import LiteralSearch

READY = (
    "Application startup complete",
    "Uvicorn running on",
    "server is listening on",
    "Started HTTPService at",
    "Started GRPCInferenceService at",
    "The server is fired up and ready to roll",
    "Starting vLLM API server",
    "Listening on [::]:",
    "Booting worker with pid",
    "Model loaded successfully",
    "Running on local URL:",
)
"""What servers print when they have come up: what went wrong before that was got over."""

ALARMS = (
    "Error: ",
    "ERROR",
    "Exception: ",
    "Error(s)",
    "FATAL",
    "CRITICAL",
    "panic",
    "error: ",
    "Aborted",
    " failed",
    "Killed",
)
"""What lines tell that something is wrong, whatever it is; for logs in which nothing is recognised."""


class Catalogue:
    """Causes, with all their literals in one search."""

    def __init__(self, literals: Mapping[str, Iterable[str]], load: Callable[[str], Cause]) -> None:
        """Take a catalogue.

        Args:
            literals: slug → literals of its signatures.
            load: gives the entry of a slug.
        """
        self.load = load
        self.slugs = tuple(literals)
        owners: dict[bytes, list[str]] = {}
        for slug, texts in literals.items():
            for text in dict.fromkeys(texts):
                owners.setdefault(text.encode(), []).append(slug)
        self.ready = frozenset(range(len(owners), len(owners) + len(READY)))
        self.alarms = frozenset(range(len(owners) + len(READY), len(owners) + len(READY) + len(ALARMS)))
        self.owners: tuple[tuple[str, ...], ...] = (
            *map(tuple, owners.values()),
            *((),) * (len(READY) + len(ALARMS)),
        )
        self.literals = (*owners, *(text.encode() for text in (*READY, *ALARMS)))
        self.search = LiteralSearch(self.literals)

    @classmethod
    def of(cls, causes: Iterable[Cause]) -> Catalogue:
        """A catalogue of these entries."""
        by_slug = {cause.slug: cause for cause in causes}
        texts = {slug: [signature.literal for signature in cause.signatures] for slug, cause in by_slug.items()}
        return cls(texts, by_slug.__getitem__)


def catalogue() -> Catalogue:
    """The whole catalogue, as far as it is registered now."""
    return _catalogue(CAUSES.names())


@functools.lru_cache(maxsize=4)
def _catalogue(names: tuple[str, ...]) -> Catalogue:
    del names  # the key: entries of a project's own folder join at run time
    return Catalogue(index.literals(), CAUSES.get)


def forget() -> None:
    """Make the next diagnosis look at the registry again: an entry of a name that was there before may be another."""
    _catalogue.cache_clear()
