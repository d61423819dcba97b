"""The page of a cause as Markdown: what its author wrote, and what follows from the entry itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airworthy.causes.interface import Cause
from airworthy.causes.registry import CAUSES
from airworthy.core.keys import Key
from airworthy.core.messages import say


def page(slug: str) -> str:
    """The page of a slug.

    Raises:
        UnknownName: there is no such cause; the way out names the nearest.
    """
    return page_of(CAUSES.get(slug))


def page_of(cause: Cause) -> str:
    """The page of a cause."""
    title, _, body = cause.page.partition("\n")
    parts = (f"# {cause.slug}", title, _facts(cause), body.strip(), _silencing(cause.slug), _related(cause))
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(cause: Cause) -> str:
    rows = [
        (say("Severity"), cause.severity.value),
        (say("Status"), cause.status.value),
        (say("Family"), cause.family),
        (say("Predicted from"), _keys(cause.needs) or cause.unpredictable),
        (say("Takes into account"), _keys(cause.uses)),
        (say("Recognised by"), say("{count} texts", count=len(cause.signatures)) if cause.signatures else ""),
    ]
    table = [f"| {name} | {value} |" for name, value in rows if value]
    return "\n".join(("| | |", "|---|---|", *table))


def _keys(keys: Iterable[Key[Any]]) -> str:
    return ", ".join(f"`{key.name}`" for key in keys)


def _silencing(slug: str) -> str:
    return "\n".join(
        (
            say("## How to silence it"),
            "",
            say("In `airworthy.toml`:"),
            "",
            "```toml",
            "[check]",
            f'ignore = ["{slug}"]',
            "```",
        )
    )


def _related(cause: Cause) -> str:
    written = CAUSES.names()
    if not cause.related:
        return ""
    links = [f"[`{slug}`]({slug}.md)" if slug in written else f"`{slug}`" for slug in cause.related]
    return "\n".join((say("## Related"), "", ", ".join(links)))
