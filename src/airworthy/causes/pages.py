"""The page of a cause as Markdown: what its author wrote, and what follows from the entry itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.interface import Cause
from airworthy.core.keys import Key
from airworthy.core.messages import say


def page(cause: Cause, catalogue: Catalogue) -> str:
    """The page of a cause, with links to those related causes that the catalogue holds."""
    title, _, body = cause.page.partition("\n")
    parts = (f"# {cause.slug}", title, _facts(cause), body.strip(), _silencing(cause.slug), _related(cause, catalogue))
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


def _related(cause: Cause, catalogue: Catalogue) -> str:
    if not cause.related:
        return ""
    links = [f"[`{slug}`]({slug}.md)" if slug in catalogue else f"`{slug}`" for slug in cause.related]
    return "\n".join((say("## Related"), "", ", ".join(links)))
