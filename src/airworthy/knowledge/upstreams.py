"""Servers of OpenAI's chat interface: what each takes beyond the fields that all of them take."""

from __future__ import annotations

from airworthy.knowledge.tables import Row, rows

OTHER = "other"
"""The kind of a server that nothing identifies."""


class UpstreamKind(Row, frozen=True, kw_only=True):
    """One kind of server."""

    name: str
    """Its name in the settings."""
    owned_by: tuple[str, ...]
    """What its list of models shows as `owned_by`."""
    limit_field: str
    """The field that limits an answer's tokens."""
    penalty_field: str
    """The field of the repetition penalty; empty where there is none."""
    takes: frozenset[str]
    """What it honours beyond the fields that all take."""
    logprobs: int
    """Alternatives with log-probabilities that it returns; 0 for none."""
    cache_salt: bool
    """Whether its prefix cache is kept apart by `cache_salt`."""
    tokenizer: str
    """The shape of its `/tokenize`; empty where it has none."""


def kinds() -> tuple[UpstreamKind, ...]:
    """All kinds."""
    return rows("upstream_kinds", "kind", UpstreamKind)


def kind_named(name: str) -> UpstreamKind:
    """The kind of a name, which is one of the table's."""
    return next(kind for kind in kinds() if kind.name == name)


def kind_of_owner(owner: str) -> UpstreamKind:
    """The kind of server whose list of models names this owner; `other` where none does."""
    return next((kind for kind in kinds() if owner in kind.owned_by), kind_named(OTHER))
