"""The one place where text becomes HTML: whatever a model file says is shown, and nothing of it is obeyed."""

from __future__ import annotations

import html
from collections.abc import Iterable

from airworthy.report.plain import printable

LONGEST = 400
"""Characters of one text; names in hostile files have megabytes."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(text: object, most: int = LONGEST) -> Html:
    """Any text as HTML; what is HTML already stays as it is."""
    if isinstance(text, Html):
        return text
    shown = printable(str(text)[: most + 1])
    return Html(html.escape(shown[:most] + "\u2026" if len(shown) > most else shown, quote=True))


def tag(name: str, *content: object, **attributes: object) -> Html:
    """An element; the underscore at the end of an attribute's name is dropped, those within become hyphens."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{told}>{''.join(map(escape, content))}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """Elements one after the other."""
    return Html("".join(map(escape, parts)))
