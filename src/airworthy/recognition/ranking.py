"""Which of the causes that a log shows is the root, and why the others are not.

A score starts at the weight of the text that a cause was recognised by: how few causes print it. It is lowered where
the line stands behind another in a chain, says that it is only a warning, is an aside or a quotation of code, or was
recovered from. Then causality: what another of the causes seen is known to bring about comes behind it. Facts confirm
or refute. Of two that are left equal, the earlier line wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from airworthy.causes.causality import SURFACES, brings_about
from airworthy.core.finding import Standing
from airworthy.core.messages import say
from airworthy.recognition.lines import LogLevel
from airworthy.recognition.scan import Hit

STEP_FROM_ROOT = 0.2
"""What each exception raised while another was handled is behind its root: more than two texts' usual distance."""
MOST_STEPS = 3
"""Steps that are counted."""
WARNING = 0.15
"""What a line loses that was logged as a warning."""
INFORMATION = 0.25
"""What a line loses that was logged for information."""
ASIDE = 0.4
"""What a line loses that was printed by the way (`Exception ignored in:`)."""
CODE = 0.25
"""What a line of quoted source loses."""
RETRIED = 0.1
"""What a line loses after which the program tries again."""
GOT_OVER = 0.3
"""What a line loses after which the server came up."""
SYMPTOM = 0.5
"""What a cause loses that another one seen is known to bring about."""
WEAKER = 0.45
"""How much lower a cause's score may be and still be taken for what brought another about."""
LEAST_ROOT = 0.3
"""The score below which a cause explains no other."""
AGREEMENT = 0.3
"""What facts that confirm a cause add, and facts that speak against it take away."""
CAUSED_BY = 0.15
"""What a line gains that stands under `Caused by:`."""


class Ranked(NamedTuple):
    """A cause with its standing among those seen."""

    hit: Hit
    """The line that decided."""
    others: tuple[Hit, ...]
    """Further lines in which it was recognised."""
    score: float
    """What decided about its place."""
    passed_over: str
    """Why it is not the root; empty for the root."""


class _Candidate(NamedTuple):
    hit: Hit
    others: tuple[Hit, ...]
    score: float
    losses: tuple[tuple[float, str], ...]
    """What was taken off, with the reason as a finished sentence part."""


def rank(
    hits: Mapping[str, Sequence[Hit]],
    *,
    ready: int = 0,
    standings: Mapping[str, Standing] | None = None,
    more: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Ranked, ...]:
    """Put the causes in order, the root first.

    Args:
        hits: lines by the cause that was recognised in them.
        ready: the last line that says that a server has come up, or 0.
        standings: what facts say of a cause.
        more: causality beside the catalogue's own table.
    """
    candidates = [_candidate(lines, ready, (standings or {}).get(slug)) for slug, lines in hits.items() if lines]
    found: list[tuple[_Candidate, float, _Candidate | None]] = []
    for each in candidates:
        root = _root_of(each, candidates, more)
        found.append((each, each.score - (SYMPTOM if root is not None else 0.0), root))
    found.sort(key=lambda item: (-round(item[1], 6), _surface(item[0]), item[0].hit.number))
    return tuple(
        Ranked(each.hit, each.others, score, "" if place == 0 else _why(each, score, root, found[0]))
        for place, (each, score, root) in enumerate(found)
    )


def _surface(candidate: _Candidate) -> int:
    slug = candidate.hit.cause.slug
    return len(SURFACES) - SURFACES.index(slug) if slug in SURFACES else 0


def _candidate(lines: Sequence[Hit], ready: int, standing: Standing | None) -> _Candidate:
    judged = [(hit, _losses(hit, ready)) for hit in lines]

    def score(item: tuple[Hit, tuple[tuple[float, str], ...]]) -> float:
        hit, losses = item
        gained = CAUSED_BY if hit.around.caused_by else 0.0
        return hit.signature.weight + gained - sum(loss for loss, _ in losses)

    best = max(judged, key=lambda item: (round(score(item), 6), -item[0].number))
    losses, total = best[1], score(best)
    if standing is Standing.CONFIRMED:
        total += AGREEMENT
    elif standing is Standing.REFUTED:
        losses = (*losses, (AGREEMENT, say("the facts speak against it")))
        total -= AGREEMENT
    return _Candidate(best[0], tuple(hit for hit in lines if hit is not best[0]), total, losses)


def _losses(hit: Hit, ready: int) -> tuple[tuple[float, str], ...]:
    around, found = hit.around, []
    if around.depth:
        steps = min(around.depth, MOST_STEPS)
        found.append((STEP_FROM_ROOT * steps, say("it was raised while another exception was handled")))
    if around.aside:
        found.append((ASIDE, say("it was printed by the way, and nothing stopped for it")))
    if around.code:
        found.append((CODE, say("its line is source code that a traceback quotes")))
    if hit.line.level is LogLevel.WARNING:
        found.append((WARNING, say("its line is a warning")))
    elif hit.line.level is LogLevel.INFO:
        found.append((INFORMATION, say("its line is information, not an error")))
    if around.retried:
        found.append((RETRIED, say("the program tried again after it")))
    if hit.number < ready:
        found.append((GOT_OVER, say("the server came up after it, at line {line}", line=ready)))
    return tuple(found)


def _root_of(
    symptom: _Candidate, candidates: Sequence[_Candidate], more: Mapping[str, Sequence[str]] | None
) -> _Candidate | None:
    """The likeliest of the causes seen that is known to bring this one about.

    Two causes recognised in one line are two readings of it, and the weights of their texts say which is meant; unless
    the second is a surface, whose line quotes what lies under it.
    """
    slug = symptom.hit.cause.slug
    roots = [
        each
        for each in candidates
        if each.score >= max(LEAST_ROOT, symptom.score - WEAKER)
        and brings_about(each.hit.cause.slug, slug, more=more)
        and (each.hit.number != symptom.hit.number or slug in SURFACES)
    ]
    return max(roots, key=lambda each: (each.score, -each.hit.number), default=None)


def _why(
    each: _Candidate, score: float, root: _Candidate | None, first: tuple[_Candidate, float, _Candidate | None]
) -> str:
    winner = first[0].hit
    if root is not None:
        return say("`{root}` brings it about, at line {line}", root=root.hit.cause.slug, line=root.hit.number)
    if each.losses:
        return max(each.losses)[1]
    if score < first[1] - 1e-6:
        if each.hit.signature.weight < winner.signature.weight:
            return say("its text is printed by more causes than that of `{first}`", first=winner.cause.slug)
        return say("the facts confirm `{first}`", first=winner.cause.slug)
    return say("it comes after line {line}", line=winner.number)
