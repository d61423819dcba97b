"""Which literals belong to which cause, so that only the causes whose literals a text holds are imported.

Importing the whole catalogue takes longer than reading a page of log. `index.json` is made from the entries by
`tools/causes_index.py`, and a test fails where it has drifted. A cause that the index does not list (one of another
package, of a project's own folder, or newer than the index) is imported and asked.
"""

from __future__ import annotations

import functools
from importlib import resources

import msgspec

from airworthy.causes.registry import CAUSES

FILE = "index.json"
"""The file beside this one: slug → literals."""


@functools.cache
def stored() -> dict[str, tuple[str, ...]]:
    """The literals as they were when the index was made, by slug; empty where there is no index."""
    file = resources.files("airworthy.causes").joinpath(FILE)
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[str, ...]])
    except FileNotFoundError:
        return {}


def literals() -> dict[str, tuple[str, ...]]:
    """The literals of every cause in the registry, by slug, in the order of the entry's signatures."""
    known = stored()
    return {slug: known[slug] if slug in known else literals_of(slug) for slug in CAUSES.names()}


def literals_of(slug: str) -> tuple[str, ...]:
    """The literals of a cause, each once, read from the entry itself."""
    return tuple(dict.fromkeys(signature.literal for signature in CAUSES.get(slug).signatures))


def made() -> bytes:
    """What the index must hold: one line a cause, so that two new entries don't meet in one line."""
    rows = (
        msgspec.json.encode(slug) + b": " + msgspec.json.encode(literals_of(slug))
        for slug in sorted(CAUSES.own_names())
    )
    return b"{\n" + b",\n".join(rows) + b"\n}\n"
