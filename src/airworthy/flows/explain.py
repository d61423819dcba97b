"""What a cause is: its page of the catalogue."""

from __future__ import annotations

import msgspec


class Explanation(msgspec.Struct, frozen=True):
    """A cause and its page."""

    slug: str
    """The name of the cause."""
    title: str
    """What is wrong, one line."""
    page: str
    """The page as Markdown."""


def explain(slug: str) -> Explanation:
    """The page of a cause.

    Raises:
        UnknownName: no cause has that slug; the way out names the nearest.
    """
    from airworthy.causes.pages import page
    from airworthy.causes.registry import CAUSES
    from airworthy.flows.causes import join_local

    join_local()
    cause = CAUSES.get(slug)
    return Explanation(slug=cause.slug, title=cause.title, page=page(slug))


def catalogue() -> tuple[tuple[str, str, str], ...]:
    """Every cause: family, slug and title, families together."""
    from airworthy.causes.registry import CAUSES
    from airworthy.flows.causes import join_local

    join_local()
    return tuple(sorted((cause.family, cause.slug, cause.title) for cause in CAUSES))
