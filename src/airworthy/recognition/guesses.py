"""Guesses at the cause of a failure that no entry recognises: a look-up in a table of words and their weights.

The table is a linear classifier, one row of weights a cause, of which only the largest weights are kept. It is fitted
beforehand by `tools/guesses.py` from the catalogue and from labelled failures, so that nothing learns at run time and
no library is needed. A guess is never a finding: on a failure outside of the catalogue each guess is wrong.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Collection, Iterator
from importlib import resources

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.recognition.features import features, frequency
from airworthy.recognition.templates import likeness

FILE = "guesses.bin"
"""The file beside this one that holds the table."""
MOST_GUESSES = 3
"""Causes that are named for one failure."""
MOST_WORDS = 4
"""Words that are named for one guess."""
LEAST_SCORE = -1.0
"""The score of a cause that no word of the text speaks for; what does not rise above it is not guessed."""
LEAST_LIKENESS = 0.2
"""Share of words below which an entry that the table does not hold is not near at all."""


class Guess(msgspec.Struct, frozen=True):
    """A cause that texts with such words mostly have. Nothing is claimed by it."""

    cause: str
    """The slug of the entry."""
    title: str
    """What it is about, one line."""
    likeness: float
    """How near the text is, from 0 to 1: 0.5 where the classifier would decide for it. No probability."""
    words: tuple[str, ...] = ()
    """The words and pairs of words that weighed most, the heaviest first."""


class GuessTable(msgspec.Struct, frozen=True):
    """The fitted table."""

    slugs: tuple[str, ...]
    """The causes, by their number in `words`."""
    base: tuple[float, ...]
    """The score of each cause before any word is counted."""
    rarity: float
    """What one unit of a word's first byte is worth, as the rarity of the word (inverse document frequency)."""
    weight: float
    """What one unit of a signed byte is worth, as a weight."""
    words: dict[str, bytes]
    """By word or pair of words: a byte of rarity, then a byte for the cause and a signed byte for its weight, and so
    on."""


@functools.cache
def table() -> GuessTable:
    """The table that comes with this release."""
    return decode(resources.files("airworthy.recognition").joinpath(FILE).read_bytes())


def encode(table: GuessTable) -> bytes:
    """The table as a file."""
    return zlib.compress(msgspec.msgpack.encode(table), 9)


def decode(data: bytes) -> GuessTable:
    """A file as the table."""
    return msgspec.msgpack.decode(zlib.decompress(data), type=GuessTable)


def guess(text: str, line: str, catalogue: Catalogue, *, besides: Collection[str] = ()) -> tuple[Guess, ...]:
    """The causes that texts with such words mostly have, the nearest first.

    Args:
        text: the lines around the failure, without their prefixes.
        line: the line that says most; entries that the table does not hold are compared with it.
        catalogue: the entries that may be named.
        besides: entries that are named already.
    """
    learnt = table()
    slugs = frozenset(catalogue.slugs) - set(besides)
    near = [each for each in _scored(text, learnt) if each[1] in slugs][:MOST_GUESSES]
    found = [
        Guess(cause=slug, title=catalogue.get(slug).title, likeness=_share(score), words=words)
        for score, slug, words in near
    ]
    found += _by_likeness(line, catalogue, slugs - set(learnt.slugs))
    found.sort(key=lambda each: (-each.likeness, each.cause))
    return tuple(found[:MOST_GUESSES])


def _scored(text: str, learnt: GuessTable) -> list[tuple[float, str, tuple[str, ...]]]:
    """Each cause that words speak for, with its score and those words; the highest first."""
    counts = features(text)
    known = {word: row for word in counts if (row := learnt.words.get(word)) is not None}
    values = {word: frequency(counts[word]) * row[0] * learnt.rarity for word, row in known.items()}
    length = math.sqrt(sum(value * value for value in values.values())) or 1.0
    scores: dict[int, float] = {}
    weighed: dict[int, list[tuple[float, str]]] = {}
    for word, row in known.items():
        for number, weight in _pairs(row):
            share = weight * learnt.weight * values[word] / length
            scores[number] = scores.get(number, learnt.base[number]) + share
            if share > 0:
                weighed.setdefault(number, []).append((share, word))
    ranked = sorted(((score, number) for number, score in scores.items() if number in weighed), reverse=True)
    return [
        (score, learnt.slugs[number], _words(weighed[number]))
        for score, number in ranked[: 4 * MOST_GUESSES]
        if score > LEAST_SCORE
    ]


def _pairs(row: bytes) -> Iterator[tuple[int, int]]:
    for at in range(1, len(row), 2):
        yield row[at], row[at + 1] - 256 * (row[at + 1] > 127)


def _words(weighed: list[tuple[float, str]]) -> tuple[str, ...]:
    """The heaviest words; a single word that stands in a pair already named says nothing more."""
    kept: list[str] = []
    for _, word in sorted(weighed, reverse=True):
        if not any(word in other.split(" ") or word == other for other in kept):
            kept.append(word)
        if len(kept) == MOST_WORDS:
            break
    return tuple(kept)


def _share(score: float) -> float:
    return round(1.0 / (1.0 + math.exp(-2.0 * score)), 2)


def _by_likeness(line: str, catalogue: Catalogue, slugs: Collection[str]) -> list[Guess]:
    """Entries of a project or of another package, which the table can't hold, by the words that they share."""
    found = []
    for slug in slugs:
        cause = catalogue.get(slug)
        texts = [cause.title, cause.message, *(signature.literal for signature in cause.signatures)]
        share = likeness(line, texts)
        if share >= LEAST_LIKENESS:
            found.append(Guess(cause=slug, title=cause.title, likeness=round(share, 2)))
    return found
