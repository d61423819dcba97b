"""Which literals and which facts belong to which cause, so that only the causes in question are imported.

Importing the whole catalogue takes longer than reading a page of log, or than inspecting a host. `index.json` and
`needs.json` are made from the entries by `tools/causes_index.py`, and a test fails where they have drifted. A cause
that the indexes do not list (one of another package, of a project's own folder, or newer than they are) is imported and
asked.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import msgspec

from airworthy.causes.registry import CAUSES
from airworthy.core.keys import KEYS, Key

FILE = "index.json"
"""The file beside this one: slug → literals."""

NEEDS_FILE = "needs.json"
"""The file beside it: slug → names of the facts that it is predicted from, for the causes that can be predicted."""


@functools.cache
def stored() -> dict[str, tuple[str, ...]]:
    """The literals as they were when the index was made, by slug; empty where there is no index."""
    file = resources.files("airworthy.causes").joinpath(FILE)
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[str, ...]])
    except FileNotFoundError:
        return {}


@functools.cache
def stored_needs() -> dict[str, tuple[Key[Any], ...]]:
    """What each cause is predicted from, as it was when the index was made; empty where there is no index."""
    file = resources.files("airworthy.causes").joinpath(NEEDS_FILE)
    try:
        names = msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[str, ...]])
    except FileNotFoundError:
        return {}
    return {slug: tuple(KEYS[name] for name in needs) for slug, needs in names.items()}


def made() -> bytes:
    """What the index must hold: one line a cause, so that two new entries don't meet in one line."""
    return _made({slug: CAUSES.get(slug).literals for slug in CAUSES.own_names()})


def made_needs() -> bytes:
    """What the index of needs must hold, likewise."""
    asked = (CAUSES.get(slug) for slug in CAUSES.own_names())
    return _made({each.slug: tuple(key.name for key in each.needs) for each in asked if each.predictor is not None})


def _made(index: dict[str, tuple[str, ...]]) -> bytes:
    rows = (msgspec.json.encode(slug) + b": " + msgspec.json.encode(index[slug]) for slug in sorted(index))
    return b"{\n" + b",\n".join(rows) + b"\n}\n"
